"""The stale-detector's verdicts: applied to whoever is silent, refused where the recorder knows better."""

from typing import Final

from makima_kernel.bus.commands import CommandRouter
from makima_schemas.commands import Problem, Reply, Request
from makima_schemas.daemon import DeclareDisconnected, ObserveDaemon
from makima_schemas.errors import Code
from makima_schemas.evidence import Arrival, Evidence
from makima_schemas.identity import stream_name
from makima_schemas.silence import SenderKind
from makima_schemas.supervisor import DeclareSilent, ObserveHeartbeat

from services.supervisor_heartbeat.domain.verdict import JudgeDisconnected, JudgeSilence
from services.supervisor_heartbeat.handlers.observer import DaemonDecisions, SupervisorDecisions
from services.supervisor_heartbeat.handlers.watermarks import Watermarks
from services.supervisor_heartbeat.queries import Queries

PATIENCE_SECONDS: Final = 2.0


def content(command: ObserveHeartbeat | ObserveDaemon | JudgeSilence | JudgeDisconnected) -> object:
    """What makes a repeat the same: replicas of the detector find one silence at different moments, and say so in their evidence."""
    match command:
        case JudgeSilence(connection_id):
            return connection_id
        case JudgeDisconnected():
            return None
        case observed:
            return observed


class Verdicts:
    """`enabled` is the feature flag `supervisor_heartbeat`: off, heartbeats are stored and no verdict is applied."""

    def __init__(
        self, supervisors: SupervisorDecisions, daemons: DaemonDecisions, queries: Queries, watermarks: Watermarks, *, enabled: bool
    ) -> None:
        self._supervisors, self._daemons = supervisors, daemons
        self._queries, self._watermarks, self._enabled = queries, watermarks, enabled

    def serve(self, router: CommandRouter) -> None:
        router.command(DeclareSilent, self.declare_silent)
        router.command(DeclareDisconnected, self.declare_disconnected)

    async def declare_silent(self, request: Request, verdict: DeclareSilent) -> Reply:
        """Accepted, changed or not; `UNAVAILABLE` while the recorder is behind the verdict."""
        refused = await self._refused(verdict.evidence)
        if refused is not None:
            return refused
        newest = await self._newest("supervisor", request.target)
        return await self._supervisors.handle(request, JudgeSilence(verdict.connection_id, verdict.evidence, newest))

    async def declare_disconnected(self, request: Request, verdict: DeclareDisconnected) -> Reply:
        """As `declare_silent`."""
        refused = await self._refused(verdict.evidence)
        if refused is not None:
            return refused
        newest = await self._newest("daemon", request.target)
        return await self._daemons.handle(request, JudgeDisconnected(verdict.evidence, newest))

    async def _refused(self, evidence: Evidence) -> Problem | None:
        if not self._enabled:
            return Problem(Code.FEATURE_OFF, "supervisor_heartbeat is off: heartbeats are stored, no verdict is applied")
        if not await self._watermarks.passed(evidence.watermark, PATIENCE_SECONDS):
            return Problem(
                Code.UNAVAILABLE,
                "the recorder is behind the verdict's watermark",
                "ask again with the same command id: nothing was changed",
            )
        return None

    async def _newest(self, kind: SenderKind, entity_id: str) -> Arrival | None:
        sender = stream_name(kind, entity_id)
        return (await self._queries.newest([sender])).get(sender)
