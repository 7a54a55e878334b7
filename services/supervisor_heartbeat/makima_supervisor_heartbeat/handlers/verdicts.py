"""Handles the stale-detector's verdicts: applies them, or declines them if a newer heartbeat is recorded."""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import orjson
from makima_kernel.commands.decoding import decode_each
from makima_kernel.commands.router import CommandRouter
from makima_schemas.commands import Problem, Reply, Request, encode_reply
from makima_schemas.daemon import AdmitDaemon, DeclareDisconnected, ObserveDaemon
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import stream_name
from makima_schemas.questions import DeclareAll, VerdictReplies
from makima_schemas.supervisor import DeclareSilent, ObserveHeartbeat

from makima_supervisor_heartbeat.domain.supervisor import OrderRestart
from makima_supervisor_heartbeat.domain.verdict import JudgeDisconnected, JudgeSilence
from makima_supervisor_heartbeat.handlers.observation_writer import DaemonDecisions, SupervisorDecisions
from makima_supervisor_heartbeat.handlers.watermarks import Watermarks
from makima_supervisor_heartbeat.queries import Queries

# How long a verdict waits until the recorder has reached its watermark.
WATERMARK_TIMEOUT_SECONDS: Final = 2.0


def idempotency_content(
    command: ObserveHeartbeat | ObserveDaemon | AdmitDaemon | JudgeSilence | JudgeDisconnected | OrderRestart,
) -> object:
    """The part of a command that must be equal when its command id is used again.

    Excludes what differs between legitimate repeats: replicas of the detector find the same silence at
    different times, so their evidence differs; and between two sends of a restart its daemon may have
    connected or disconnected.
    """
    match command:
        case JudgeSilence(connection_id):
            return connection_id
        case JudgeDisconnected():
            return None
        case OrderRestart(reason):
            return reason
        case observed:
            return observed


class Verdicts:
    """Commands `declare_silent` and `declare_disconnected`, and the query `declare_all`, which takes many of
    both.

    `enabled` is the feature flag `supervisor_heartbeat`: if off, heartbeats are stored and no verdict is
    applied.
    """

    def __init__(
        self,
        supervisors: SupervisorDecisions,
        daemons: DaemonDecisions,
        queries: Queries,
        watermarks: Watermarks,
        *,
        enabled: bool,
    ) -> None:
        self._supervisors, self._daemons = supervisors, daemons
        self._queries, self._watermarks, self._enabled = queries, watermarks, enabled

    def serve(self, router: CommandRouter) -> None:
        """Register the handlers. Daemons may not send verdicts: they could end any sender, and with
        `declare_all` as any actor.
        """
        router.command(DeclareSilent, self.declare_silent)
        router.command(DeclareDisconnected, self.declare_disconnected)
        router.query(DeclareAll, self.declare_all)

    async def declare_silent(self, request: Request[object], verdict: DeclareSilent) -> Reply:
        """`Accepted`, changed or not; `UNAVAILABLE` while the recorder is behind the verdict's watermark."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_disconnected(self, request: Request[object], verdict: DeclareDisconnected) -> Reply:
        """As `declare_silent`."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_all(self, question: DeclareAll) -> VerdictReplies:
        """Apply many verdicts, each decoded, decided and answered separately, in the order of the question.

        With one message per verdict, the last of thousands of simultaneous verdicts would wait for seconds.
        """
        silent = len(question.silent)
        requests = (
            *decode_each(DeclareSilent, question.silent),
            *decode_each(DeclareDisconnected, question.disconnected),
        )
        declared = iter(
            await self._declare([(one, one.data) for one in requests if isinstance(one, Request)])
        )
        given = [one if isinstance(one, Problem) else next(declared) for one in requests]
        replies = [orjson.Fragment(encode_reply(reply)) for reply in given]
        return VerdictReplies(silent=[*replies[:silent]], disconnected=[*replies[silent:]])

    async def _declare(
        self, verdicts: Sequence[tuple[Request[object], DeclareSilent | DeclareDisconnected]]
    ) -> Sequence[Reply]:
        if not verdicts:
            return []
        refused = await self._refused(max(verdict.evidence.watermark for _, verdict in verdicts))
        if refused is not None:
            return [refused] * len(verdicts)
        newest = await self._queries.newest([_sender(request, verdict) for request, verdict in verdicts])
        return await asyncio.gather(
            *(
                self._judge(request, verdict, newest.get(_sender(request, verdict)))
                for request, verdict in verdicts
            )
        )

    async def _judge(
        self, request: Request[object], verdict: DeclareSilent | DeclareDisconnected, newest: Arrival | None
    ) -> Reply:
        match verdict:
            case DeclareSilent(connection_id, evidence):
                return await self._supervisors.handle(request, JudgeSilence(connection_id, evidence, newest))
            case DeclareDisconnected(evidence):
                return await self._daemons.handle(request, JudgeDisconnected(evidence, newest))

    async def _refused(self, watermark: datetime) -> Problem | None:
        if not self._enabled:
            return Problem(
                ErrorCode.FEATURE_OFF,
                "the feature flag supervisor_heartbeat is off: heartbeats are stored, but no verdict is applied",
            )
        if not await self._watermarks.wait_until(watermark, WATERMARK_TIMEOUT_SECONDS):
            return Problem(
                ErrorCode.UNAVAILABLE,
                "the recorder has not reached the verdict's watermark",
                "nothing was changed; try again with the same command id",
            )
        return None


def _sender(request: Request[object], verdict: DeclareSilent | DeclareDisconnected) -> str:
    return stream_name("supervisor" if isinstance(verdict, DeclareSilent) else "daemon", request.target)
