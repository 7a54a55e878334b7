"""Questions to the read model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.event_log.named_sql import named

from makima_gateway.read_model.rows import ContractRow, DaemonRow, MessageRow, QuestionRow, SupervisorRow, TaskRow
from makima_gateway.read_model.storage import contract_row, daemon_row, message_row, question_row, supervisor_row, task_row

SQL: Final = named(Path(__file__).with_suffix(".sql"))
MONITOR_PAGE_EVENTS: Final = 500  # monitor events
MONITOR_PAGE_CHARACTERS: Final = 1024 * 1024  # and no further one once their messages have so many

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Visibility:
    """What somebody may see: the contracts of `owner_id`, those that `daemon_id` runs; null: of all owners, whoever runs them."""

    tenant: str
    owner_id: str | None = None
    daemon_id: str | None = None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which contracts; what is None lets all through. `threshold`: no activity for so long, whatever the detector has found yet."""

    status: list[str] | None = None
    phase: str | None = None
    waiting: bool | None = None
    stale: bool | None = None
    threshold: timedelta | None = None
    q: str | None = None


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """A message of the monitor socket and what filters ask about it."""

    position: int
    tenant: str
    contract_id: str
    old_status: str | None
    status: str | None
    type: str
    message: str


class Queries:
    """Every question is one statement on the pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def contract(self, tenant: str, contract_id: str) -> ContractRow | None:
        record = await self._one("contract", tenant, contract_id)
        return None if record is None else contract_row(record)

    async def contracts(self, visibility: Visibility, wanted: Filter, before: int | None, limit: int) -> list[ContractRow]:
        """Newest first, created before position `before`."""
        like = None if wanted.q is None else f"%{_escaped(wanted.q)}%"
        arguments = (
            wanted.status,
            wanted.phase,
            wanted.waiting,
            wanted.stale,
            wanted.threshold,
            like,
            before,
            limit,
            visibility.owner_id,
            visibility.daemon_id,
        )
        return [contract_row(record) for record in await self._all("contracts", visibility.tenant, *arguments)]

    async def task(self, tenant: str, contract_id: str, task_id: str) -> TaskRow | None:
        record = await self._one("task", tenant, contract_id, task_id)
        return None if record is None else task_row(record)

    async def tasks(self, tenant: str, contract_id: str, after: int, limit: int) -> list[TaskRow]:
        return [task_row(record) for record in await self._all("tasks", tenant, contract_id, after, limit)]

    async def tasks_of_phase(self, tenant: str, contract_id: str, phase: str) -> list[TaskRow]:
        return [task_row(record) for record in await self._all("tasks_of_phase", tenant, contract_id, phase)]

    async def question(self, tenant: str, contract_id: str, question_id: str) -> QuestionRow | None:
        record = await self._one("question", tenant, contract_id, question_id)
        return None if record is None else question_row(record)

    async def questions(self, tenant: str, contract_id: str, after: int, limit: int) -> list[QuestionRow]:
        return [question_row(record) for record in await self._all("questions", tenant, contract_id, after, limit)]

    async def open_questions(self, tenant: str, contract_id: str, limit: int) -> list[QuestionRow]:
        return [question_row(record) for record in await self._all("open_questions", tenant, contract_id, limit)]

    async def messages(self, tenant: str, contract_id: str, after: int, limit: int) -> list[MessageRow]:
        return [message_row(record) for record in await self._all("messages", tenant, contract_id, after, limit)]

    async def supervisor(self, tenant: str, contract_id: str) -> SupervisorRow | None:
        record = await self._one("supervisor", tenant, contract_id)
        return None if record is None else supervisor_row(record)

    async def daemon(self, tenant: str, daemon_id: str) -> DaemonRow | None:
        record = await self._one("daemon", tenant, daemon_id)
        return None if record is None else daemon_row(record)

    async def daemons(self, visibility: Visibility, after: str, limit: int) -> list[DaemonRow]:
        """Those that run what may be seen; a daemon sees itself."""
        found = await self._all("daemons", visibility.tenant, after, limit, visibility.owner_id, visibility.daemon_id)
        return [daemon_row(record) for record in found]

    async def sees_daemon(self, visibility: Visibility, daemon_id: str) -> bool:
        """Whether it runs a contract that may be seen."""
        return bool(await self._pool.fetchval(SQL["sees_daemon"], visibility.tenant, daemon_id, visibility.owner_id, visibility.daemon_id))

    async def runs(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """Whether the contract's supervisor is this daemon's."""
        return bool(await self._pool.fetchval(SQL["runs"], tenant, contract_id, daemon_id))

    async def owners(self, tenant: str, contract_ids: list[str]) -> list[tuple[str, str]]:
        """(contract, owner) of those that are there."""
        return cast("list[tuple[str, str]]", [tuple(record) for record in await self._pool.fetch(SQL["owners"], tenant, contract_ids)])

    async def visible(self, visibility: Visibility, contract_ids: list[str]) -> frozenset[str]:
        """Those of them that may be seen."""
        found = await self._pool.fetch(SQL["visible"], visibility.tenant, contract_ids, visibility.owner_id, visibility.daemon_id)
        return frozenset(cast("str", record["id"]) for record in found)

    async def monitor_events(self, after: int, upto: int) -> list[MonitorEvent]:
        """A page in the order of the log: positions above `after`, up to `upto`; there may be more if it has `MONITOR_PAGE_EVENTS` events, or
        messages of `MONITOR_PAGE_CHARACTERS`.
        """
        return [
            MonitorEvent(*record)
            for record in cast(
                "Sequence[tuple[int, str, str, str | None, str | None, str, str]]",
                await self._pool.fetch(SQL["monitor_events"], after, upto, MONITOR_PAGE_EVENTS, MONITOR_PAGE_CHARACTERS),
            )
        ]

    async def gauges(self) -> list[tuple[str, int, int]]:
        """(status, contracts, stale ones)."""
        return cast("list[tuple[str, int, int]]", [tuple(record) for record in await self._pool.fetch(SQL["gauges"])])

    async def _one(self, name: str, *arguments: object) -> Record | None:
        return cast("Record | None", await self._pool.fetchrow(SQL[name], *arguments))

    async def _all(self, name: str, *arguments: object) -> Sequence[Record]:
        return cast("Sequence[Record]", await self._pool.fetch(SQL[name], *arguments))


def _escaped(text: str) -> str:
    """Text that `ilike` takes by the letter."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
