"""Places contracts that nobody drives: asks daemons to start their supervisors (agents.md, Assignment).

Exactly one replica asks for a contract at a time: it holds a row of `placements`, which also says whom it asked last.
So a replica that dies in the middle leaves nothing but a row whose time ends, and the next one asks the same daemon
first, for the same task under the same connection.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import monotonic
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.commands.daemon_start import START_TIMEOUT_SECONDS, StartAnswer, ask_to_start
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import AssignContract
from makima_schemas.contract.events import ContractReopened, ContractResumed, ContractStarted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from nats.aio.client import Client

from makima_supervisor_heartbeat.domain.placement import Candidate, Wanted, ask_whom
from makima_supervisor_heartbeat.handlers.handed_out import HandedOut, handed_out
from makima_supervisor_heartbeat.handlers.placement_rows import PlacementRows

NAMESPACE: Final = UUID("93c3f0a4-2f1f-5b39-8a0a-6a4d6f0c8d0b")  # of the uuid5 command ids
NAME: Final = "supervisor_heartbeat"  # which restores supervisors, perhaps in another replica
ACTOR: Final = NAME
CONTRACT_SERVICE: Final = "contract"
BATCH_SIZE: Final = 64
PLACEMENT_POLL_SECONDS: Final = 1.0  # capacity comes by heartbeats, which wake nobody
HELD_SECONDS: Final = 3 * START_TIMEOUT_SECONDS  # by a replica that asks a daemon, and records what it said
# A daemon that refused a contract, or was silent for any, is passed over for so long.
PASSED_SECONDS: Final = 10.0
FORGET_SECONDS: Final = 60.0
MAX_CONCURRENT_REQUESTS: Final = 16
WAKING: Final = ContractStarted | ContractReopened | ContractResumed | DaemonConnected | DaemonDisconnected

_logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Passed:
    """Whom not to ask again just now: who refused a contract, and who did not answer, whatever it was asked for."""

    refused: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    unanswered: dict[str, float] = field(default_factory=dict[str, float])  # daemon id → until

    def note(self, contract_id: str, daemon_id: str, answer: StartAnswer, now: float) -> None:
        self.refused[(contract_id, daemon_id)] = now + PASSED_SECONDS
        if answer.outcome != "refused":
            self.unanswered[daemon_id] = now + PASSED_SECONDS

    def of(self, contract_id: str, now: float) -> set[str]:
        refused = {
            daemon
            for (contract, daemon), until in self.refused.items()
            if contract == contract_id and until > now
        }
        return refused | {daemon for daemon, until in self.unanswered.items() if until > now}

    def prune(self, now: float) -> None:
        self.refused = {key: until for key, until in self.refused.items() if until > now}
        self.unanswered = {daemon: until for daemon, until in self.unanswered.items() if until > now}


class Placements:
    """`unheard_seconds`: how long a daemon that accepted has until its supervisor is heard."""

    def __init__(self, rows: PlacementRows, nats: Client, bus: Bus, *, unheard_seconds: float) -> None:
        self._rows, self._nats, self._bus = rows, nats, bus
        self._unheard_seconds = unheard_seconds
        self._reactor = Reactor(
            poll_seconds=PLACEMENT_POLL_SECONDS, unavailable_event="placement.database_away"
        )
        self._passed = Passed()
        self._without_daemon: set[tuple[str, int]] = set()  # contracts that were logged as such, by episode
        self._forget_at = 0.0

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection; wakes the loop if there may be something to place."""
        if any(isinstance(each.event, WAKING) for each in batch):
            self._reactor.wake()

    async def run(self) -> None:
        """Until cancelled."""
        await self._reactor.run(self._place_wanted)

    async def _place_wanted(self) -> bool:
        """One round. True if there may be more to place."""
        now = monotonic()
        self._passed.prune(now)
        if now >= self._forget_at:
            await self._rows.forget()
            self._forget_at = now + FORGET_SECONDS
        wanted = await self._rows.claim(HELD_SECONDS, BATCH_SIZE)
        if not wanted:
            self._without_daemon.clear()
            return False
        daemons = _Offers(await self._rows.daemons())
        free = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

        async def place(each: Wanted) -> bool:
            async with free:
                return await self._place(each, daemons)

        placed = await asyncio.gather(*map(place, wanted))
        return len(wanted) == BATCH_SIZE and any(placed)

    async def _place(self, wanted: Wanted, daemons: "_Offers") -> bool:
        """Asks one daemon after the other until one accepts. True: one did."""
        refused = False
        while True:
            passed = self._passed.of(wanted.contract_id, monotonic())
            daemon_id = ask_whom(wanted, daemons.now(), passed)
            if daemon_id is None:
                await self._nobody(wanted, refused=refused)
                return False
            if not await self._rows.asking(wanted, daemon_id, HELD_SECONDS):
                return False
            given = handed_out(wanted, daemon_id)
            daemons.offer(daemon_id, 1)
            answer = await ask_to_start(
                self._nats, daemon_id, _start(wanted, given), timeout=START_TIMEOUT_SECONDS
            )
            log = _logger.bind(contract_id=wanted.contract_id, daemon_id=daemon_id, task_id=given.task_id)
            if answer.outcome == "accepted":
                return await self._accepted(wanted, daemon_id, given, log)
            refused = True
            daemons.offer(daemon_id, -1)
            metrics.placements.labels(answer.outcome).inc()
            log.warning("placement.refused", outcome=answer.outcome, reason=answer.reason)
            self._passed.note(wanted.contract_id, daemon_id, answer, monotonic())
            await self._rows.refused(wanted)

    async def _accepted(
        self, wanted: Wanted, daemon_id: str, given: HandedOut, log: structlog.stdlib.BoundLogger
    ) -> bool:
        """The contract goes to the daemon; or, where its supervisor was heard before, its restoration begins."""
        if wanted.heard:
            await self._restoring(wanted, daemon_id, given, log)
        elif not await self._assigned(wanted, daemon_id, given, log):
            return False
        await self._rows.accepted(wanted, daemon_id, self._unheard_seconds)
        self._without_daemon.discard((wanted.contract_id, wanted.wanted_at))
        return True

    async def _restoring(
        self, wanted: Wanted, daemon_id: str, given: HandedOut, log: structlog.stdlib.BoundLogger
    ) -> None:
        """Asks for the restoration, which gives the contract to the daemon once it is proved: until then the
        supervisor of before may come back and win it. A refusal leaves it as it is; it is asked for again later.
        """
        restore = {
            "contract_id": wanted.contract_id,
            "daemon_id": daemon_id,
            "connection_id": given.connection_id,
        }
        request: Request[object] = Request(
            self._command_id(wanted, daemon_id), given.task_id, restore, actor=ACTOR, tenant=wanted.tenant
        )
        reply = await self._bus.ask(NAME, "restore_supervisor", request)
        if isinstance(reply, Problem):
            metrics.placements.labels("unrecorded").inc()
            log.warning("placement.not_restored", code=reply.code, detail=reply.detail)
            return
        metrics.placements.labels("accepted").inc()
        log.info("placement.accepted", assigned=False, connection_id=given.connection_id)

    async def _assigned(
        self, wanted: Wanted, daemon_id: str, given: HandedOut, log: structlog.stdlib.BoundLogger
    ) -> bool:
        """False: it could not be recorded now, and the same daemon is asked again."""
        command = AssignContract(
            daemon_id, "placed", given.connection_id, given.task_id, replaces=wanted.holder
        )
        request: Request[object] = Request(
            self._command_id(wanted, daemon_id),
            wanted.contract_id,
            asdict(command),
            actor=ACTOR,
            tenant=wanted.tenant,
        )
        reply = await self._bus.ask(CONTRACT_SERVICE, "assign_contract", request)
        if isinstance(reply, Problem):
            metrics.placements.labels("unrecorded").inc()
            log.warning("placement.not_recorded", code=reply.code, detail=reply.detail)
            return False
        metrics.placements.labels("accepted" if reply.changed else "overtaken").inc()
        log.info("placement.accepted", assigned=reply.changed, connection_id=given.connection_id)
        return True

    @staticmethod
    def _command_id(wanted: Wanted, daemon_id: str) -> UUID:
        """The same for whoever records the same answer."""
        episode = f"{wanted.tenant}/{wanted.contract_id}/{wanted.wanted_at}"
        return uuid5(NAMESPACE, f"{episode}/{wanted.holder}/{daemon_id}")

    async def _nobody(self, wanted: Wanted, *, refused: bool) -> None:
        """It stays wanted, and every round tries again: a daemon may come, or report capacity. Who was refused
        keeps it, as it alone knows who is not to be asked again just now.
        """
        episode = (wanted.contract_id, wanted.wanted_at)
        if refused:
            return
        await self._rows.release(wanted)
        if episode in self._without_daemon:
            return
        self._without_daemon.add(episode)
        metrics.placements.labels("no_daemon").inc()
        _logger.warning("placement.no_daemon", contract_id=wanted.contract_id, owner_id=wanted.owner_id)


class _Offers:
    """The daemons, without what was offered to them in this round."""

    def __init__(self, daemons: Sequence[Candidate]) -> None:
        self._daemons = daemons
        self._offered: defaultdict[str, int] = defaultdict(int)

    def now(self) -> list[Candidate]:
        return [
            Candidate(each.daemon_id, each.admission, each.free - self._offered[each.daemon_id])
            for each in self._daemons
        ]

    def offer(self, daemon_id: str, agents: int) -> None:
        self._offered[daemon_id] += agents


def _start(wanted: Wanted, given: HandedOut) -> dict[str, str | None]:
    return {
        "contract_id": wanted.contract_id,
        "contract_type": wanted.contract_type,
        "phase": wanted.phase,
        "task_id": given.task_id,
        "role": SUPERVISOR_ROLE,
        "connection_id": given.connection_id,
    }
