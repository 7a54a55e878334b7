"""Has agents cleaned up that have been dead for the grace period, or are dead in a contract that has ended: they become
`offline`, and lists hide them.
"""

import asyncio
from collections.abc import Sequence
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.projection import Applied
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_kernel.waiting import wait_with_timeout
from makima_schemas.agent import AgentStatusChanged
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.contract.events import (
    ContractArchived,
    ContractCompleted,
    ContractDeleted,
    ContractFailed,
)
from makima_schemas.errors import ErrorCode
from makima_schemas.silence import deterministic_id

from makima_stale_detector.handlers.detection_loop import ACTOR, OWNER_SERVICE
from makima_stale_detector.queries import DeadAgent, Queries

CLEAN_UP_SCAN_SECONDS: Final = 60.0  # at most; a tenth of the grace period, if that is shorter
CLEAN_UP_BATCH_SIZE: Final = 100
LEAST_PAUSE_SECONDS: Final = 1.0  # between two scans, however many agents die
# After which somebody may be dead in a contract that has ended.
WAKING: Final = (AgentStatusChanged, ContractCompleted, ContractFailed, ContractArchived, ContractDeleted)


class AgentCleaner:
    """Scans the read model for agents that have been dead for `grace_seconds`, on the database's clock, or whose
    contract has ended, and commands `clean_up_agent`, once per death. The latter at once: nobody misses them.

    An outage of ours makes nobody longer dead than the log says, so this is no matter of observed time. The command
    names the version of the agent's stream since which it is dead: if it came back meanwhile, nothing changes.
    """

    def __init__(self, queries: Queries, bus: Bus, *, grace_seconds: float) -> None:
        self._queries, self._bus = queries, bus
        self._grace = grace_seconds
        self._woken = asyncio.Event()  # set: somebody may be dead in a contract that has ended

    def applied(self, _position: int, batch: Sequence[Applied]) -> None:
        """Called after each commit of the projection."""
        if any(isinstance(each.event, WAKING) for each in batch):
            self._woken.set()

    async def run(self, projector: Projector) -> None:
        """Until cancelled; `projector` writes the read model."""
        pause = min(CLEAN_UP_SCAN_SECONDS, self._grace / 10)
        while True:
            raise_if_cancelled()
            self._woken.clear()
            try:
                if projector.active:
                    await self._scan()
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning("agents.scan_failed", reason=repr(error))
            await asyncio.sleep(min(pause, LEAST_PAUSE_SECONDS))
            await wait_with_timeout(self._woken, pause)

    async def _scan(self) -> None:
        last: DeadAgent | None = None
        while dead := await self._queries.agents_to_clean_up(self._grace, last, CLEAN_UP_BATCH_SIZE):
            await asyncio.gather(*(self._clean_up(each) for each in dead))
            last = dead[-1]

    async def _clean_up(self, dead: DeadAgent) -> None:
        agent_id = dead.name.partition(":")[2]
        request = Request(
            deterministic_id("clean_up_agent", agent_id, dead.version),
            agent_id,
            dict[str, object](),
            actor=ACTOR,
            expected_version=dead.version,
        )
        reply = await self._bus.ask(OWNER_SERVICE, "clean_up_agent", request)
        log = structlog.get_logger().bind(agent=agent_id)
        match reply:
            case Accepted(changed=True):
                metrics.agents_cleaned_up.inc()
                log.info("agent.cleaned_up", position=reply.position)
            case Problem(code=ErrorCode.VERSION_CONFLICT):
                log.debug("agent.clean_up_superseded")
            case Problem():
                log.warning("agent.clean_up_refused", code=reply.code, detail=reply.detail)
            case _:
                pass
