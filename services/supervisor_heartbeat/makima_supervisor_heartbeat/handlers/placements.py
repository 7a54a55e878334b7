"""Places contracts that nobody drives: asks daemons to start their supervisors (agents.md, Assignment).

Exactly one replica asks for a contract at a time: it holds a row of `placements`, which also says whom it asked last.
So a replica that dies in the middle leaves nothing but a row whose time ends, and the next one asks the same daemon
first, for the same task under the same connection.
"""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from time import monotonic
from typing import Final
from uuid import UUID, uuid5

import structlog
from makima_kernel.commands.client import Bus
from makima_kernel.commands.daemon_start import START_TIMEOUT_SECONDS, ask_to_start
from makima_kernel.projections.projection import Applied
from makima_kernel.service.reactor import Reactor
from makima_kernel.telemetry import metrics
from makima_kernel.waiting import gather_all
from makima_schemas.commands import Problem, Request
from makima_schemas.contract.commands import AssignContract
from makima_schemas.contract.events import ContractReopened, ContractResumed, ContractStarted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.errors import RETRYABLE_CODES
from makima_schemas.supervisor import RestoreSupervisor
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from nats.aio.client import Client

from makima_supervisor_heartbeat.domain.cooldowns import Cooldowns
from makima_supervisor_heartbeat.domain.placement import ACTOR, Candidate, Wanted, ask_whom
from makima_supervisor_heartbeat.handlers.handed_out import HandedOut, handed_out
from makima_supervisor_heartbeat.handlers.placement_rows import PlacementRows

NAMESPACE: Final = UUID("93c3f0a4-2f1f-5b39-8a0a-6a4d6f0c8d0b")  # of the uuid5 command ids
NAME: Final = "supervisor_heartbeat"  # which restores supervisors, perhaps in another replica
CONTRACT_SERVICE: Final = "contract"
BATCH_SIZE: Final = 64
PLACEMENT_POLL_SECONDS: Final = 1.0  # capacity comes by heartbeats, which wake nobody
HELD_SECONDS: Final = 3 * START_TIMEOUT_SECONDS  # by a replica that asks a daemon, and records what it said
# For the reply to what records it, within the time held; a restoration reads all that the supervisor saved.
RECORD_TIMEOUT_SECONDS: Final = 8.0
FORGET_SECONDS: Final = 60.0
MAX_CONCURRENT_REQUESTS: Final = 16
WAKING: Final = ContractStarted | ContractReopened | ContractResumed | DaemonConnected | DaemonDisconnected

_logger = structlog.get_logger(__name__)


class Placements:
    """`unheard_seconds`: how long a daemon that accepted has until its supervisor is heard."""

    def __init__(self, rows: PlacementRows, nats: Client, bus: Bus, *, unheard_seconds: float) -> None:
        self._rows, self._nats, self._bus = rows, nats, bus
        self._unheard_seconds = unheard_seconds
        self._reactor = Reactor(
            poll_seconds=PLACEMENT_POLL_SECONDS, unavailable_event="placement.database_away"
        )
        self._cooldowns = Cooldowns()
        # The contracts that were logged as without a daemon, by episode: when they were found so last, monotonic seconds.
        self._without_daemon: dict[tuple[str, int], float] = {}
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
        self._cooldowns.prune(now)
        if now >= self._forget_at:
            await self._rows.forget()
            seen = self._without_daemon
            self._without_daemon = {each: at for each, at in seen.items() if at > now - FORGET_SECONDS}
            self._forget_at = now + FORGET_SECONDS
        for contract_id, wanted_at, owner_id in await self._rows.unserved(BATCH_SIZE):
            self._note_without_daemon(contract_id, wanted_at, owner_id)
        wanted = await self._rows.claim(HELD_SECONDS, BATCH_SIZE)
        if not wanted:
            return False
        daemons = _Offers(await self._rows.daemons())
        free = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

        async def place(each: Wanted) -> bool:
            async with free:
                return await self._place(each, daemons)

        placed = await gather_all(map(place, wanted))
        return len(wanted) == BATCH_SIZE and any(placed)

    async def _place(self, wanted: Wanted, daemons: "_Offers") -> bool:
        """Asks one daemon after the other, each at most once, until one accepts. True: one did.

        One that does not answer costs seconds, and ends this contract's turn: it stays held, and the next round goes on.
        """
        refused = set[str]()
        while True:
            passed = refused | self._cooldowns.of(wanted.contract_id, monotonic())
            daemon_id = ask_whom(wanted, daemons.now(), passed)
            if daemon_id is None:
                await self._nobody(wanted, refused=bool(refused))
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
            refused.add(daemon_id)
            daemons.offer(daemon_id, -1)
            metrics.placements.labels(answer.outcome).inc()
            log.warning("placement.refused", outcome=answer.outcome, reason=answer.reason)
            answered = answer.outcome == "refused"
            self._cooldowns.note(wanted.contract_id, daemon_id, monotonic(), answered=answered)
            await self._rows.refused(wanted)
            if not answered:
                return False

    async def _accepted(
        self, wanted: Wanted, daemon_id: str, given: HandedOut, log: structlog.stdlib.BoundLogger
    ) -> bool:
        """Records what was handed out. False: it could not be recorded now, and the same daemon is asked again.

        The contract goes to the daemon; or, where its supervisor is known to the log, its restoration begins, which gives
        the contract to the daemon once it is proved: until then the supervisor of before may come back and win it. What
        is refused for good stays as it is, and is asked for again later.
        """
        service, name, target, command = _recording(wanted, daemon_id, given)
        request: Request[object] = Request(
            self._command_id(wanted, daemon_id), target, asdict(command), actor=ACTOR, tenant=wanted.tenant
        )
        reply = await self._bus.ask(service, name, request, timeout=RECORD_TIMEOUT_SECONDS)
        if isinstance(reply, Problem):
            metrics.placements.labels("unrecorded").inc()
            log.warning("placement.not_recorded", command=name, code=reply.code, detail=reply.detail)
            if reply.code in RETRYABLE_CODES:
                return False
        else:
            metrics.placements.labels("accepted" if reply.changed else "overtaken").inc()
            log.info(
                "placement.accepted", command=name, changed=reply.changed, connection_id=given.connection_id
            )
        await self._rows.accepted(wanted, daemon_id, self._unheard_seconds)
        self._without_daemon.pop((wanted.contract_id, wanted.wanted_at), None)
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
        if refused:
            return
        await self._rows.release(wanted)
        self._note_without_daemon(wanted.contract_id, wanted.wanted_at, wanted.owner_id)

    def _note_without_daemon(self, contract_id: str, wanted_at: int, owner_id: str) -> None:
        episode = (contract_id, wanted_at)
        if episode not in self._without_daemon:
            metrics.placements.labels("no_daemon").inc()
            _logger.warning("placement.no_daemon", contract_id=contract_id, owner_id=owner_id)
        self._without_daemon[episode] = monotonic()


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


def _recording(
    wanted: Wanted, daemon_id: str, given: HandedOut
) -> tuple[str, str, str, RestoreSupervisor | AssignContract]:
    """What records that the daemon accepted: the service, the name of the command, its target, and itself."""
    if wanted.known:
        restore = RestoreSupervisor(wanted.contract_id, daemon_id, given.connection_id)
        return NAME, "restore_supervisor", given.task_id, restore
    assign = AssignContract(daemon_id, "placed", given.connection_id, given.task_id, replaces=wanted.holder)
    return CONTRACT_SERVICE, "assign_contract", wanted.contract_id, assign
