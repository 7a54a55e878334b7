"""Acts for contracts beside the loop that found what is due, so that a slow one holds up nobody else."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final, Protocol, TypeVar

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.event_log.appender import LOG_UNAVAILABLE

from makima_stale_detector.handlers.watched_time import ROLE_SCAN_SECONDS, WatchedTime

MAX_CONCURRENT_REQUESTS: Final = 32  # of one loop, over all contracts

Contract = tuple[str, str]  # tenant and contract id

_logger = structlog.get_logger(__name__)


class OfContract(Protocol):
    @property
    def tenant(self) -> str: ...

    @property
    def contract_id(self) -> str: ...


K = TypeVar("K", bound=OfContract)


class ContractLanes:
    """One request at a time of each contract. A contract with much to do, or one whose daemon does not answer, takes one
    of the places; what it has to do meanwhile waits for itself only.
    """

    def __init__(self, group: asyncio.TaskGroup) -> None:
        self._group = group
        self._free = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)
        self._busy = set[Contract]()

    @property
    def busy(self) -> frozenset[Contract]:
        """Read it before the query that finds what is due: what such a contract has done may not be in its rows yet."""
        return frozenset(self._busy)

    def begin(
        self, due: Iterable[K], act: Callable[[K], Awaitable[None]], *, busy: frozenset[Contract]
    ) -> None:
        """Act on each, in order. Those of `busy` contracts are left to a later call."""
        lanes = dict[Contract, list[K]]()
        for each in due:
            lanes.setdefault((each.tenant, each.contract_id), []).append(each)
        for contract, whole in lanes.items():
            if contract not in busy and contract not in self._busy:
                self._busy.add(contract)
                self._group.create_task(self._run(contract, whole, act))

    async def _run(self, contract: Contract, due: list[K], act: Callable[[K], Awaitable[None]]) -> None:
        try:
            for each in due:
                async with self._free:
                    await act(each)
        except LOG_UNAVAILABLE as error:  # it is still due at the next scan
            _logger.warning("role_tasks.scan_failed", reason=repr(error))
        finally:
            self._busy.discard(contract)


async def scan_contracts(scan: Callable[[ContractLanes], Awaitable[None]], time: WatchedTime) -> None:
    """Scan every `ROLE_SCAN_SECONDS`, whenever silence can be judged; until cancelled. Without the log, time does not
    count.
    """
    async with asyncio.TaskGroup() as group:
        lanes = ContractLanes(group)
        while True:
            raise_if_cancelled()
            try:
                if await time.can_watch():
                    await scan(lanes)
            except LOG_UNAVAILABLE as error:
                time.interrupt()
                _logger.warning("role_tasks.scan_failed", reason=repr(error))
            await asyncio.sleep(ROLE_SCAN_SECONDS)
