"""Has agents cleaned up that have been dead for the grace period: they become `offline`, and lists hide them."""

import asyncio
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.silence import deterministic_id

from makima_stale_detector.handlers.detection_loop import ACTOR, OWNER_SERVICE
from makima_stale_detector.queries import LongDead, Queries

CLEAN_UP_SCAN_SECONDS: Final = 60.0  # at most; a tenth of the grace period, if that is shorter
CLEAN_UP_BATCH_SIZE: Final = 100


class AgentCleaner:
    """Scans the read model for agents that have been dead for `grace_seconds`, on the database's clock, and commands
    `clean_up_agent`, once per death.

    An outage of ours makes nobody longer dead than the log says, so this is no matter of observed time. The command
    names the version of the agent's stream since which it is dead: if it came back meanwhile, nothing changes.
    """

    def __init__(self, queries: Queries, projector: Projector, bus: Bus, *, grace_seconds: float) -> None:
        self._queries, self._projector, self._bus = queries, projector, bus
        self._grace = grace_seconds

    async def run(self) -> None:
        pause = min(CLEAN_UP_SCAN_SECONDS, self._grace / 10)
        while True:
            raise_if_cancelled()
            try:
                if self._projector.active:
                    await self._scan()
            except DATABASE_UNAVAILABLE as error:
                structlog.get_logger().warning("agents.scan_failed", reason=repr(error))
            await asyncio.sleep(pause)

    async def _scan(self) -> None:
        last: LongDead | None = None
        while dead := await self._queries.long_dead(self._grace, last, CLEAN_UP_BATCH_SIZE):
            await asyncio.gather(*(self._clean_up(each) for each in dead))
            last = dead[-1]

    async def _clean_up(self, dead: LongDead) -> None:
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
