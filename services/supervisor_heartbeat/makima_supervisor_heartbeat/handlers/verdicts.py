"""Handles the stale-detector's verdicts: applies them, or declines them if a newer heartbeat is recorded."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final, cast

import orjson
from makima_kernel.commands.decoding import decode_each
from makima_kernel.commands.router import CommandRouter
from makima_schemas.agent import DeclareAgentSilent, DeclareRestartExpired
from makima_schemas.commands import Problem, Reply, Request, encode_reply
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.errors import ErrorCode
from makima_schemas.evidence import Arrival
from makima_schemas.identity import stream_name
from makima_schemas.questions import DeclareAll, VerdictReplies
from makima_schemas.supervisor import DeclareSilent

from makima_supervisor_heartbeat.domain import daemon, supervisor
from makima_supervisor_heartbeat.domain.agents import triggers
from makima_supervisor_heartbeat.domain.restoring import Restore
from makima_supervisor_heartbeat.domain.saving import Save
from makima_supervisor_heartbeat.domain.supervisor import OrderRestart
from makima_supervisor_heartbeat.domain.verdict import JudgeDisconnected, JudgeSilence
from makima_supervisor_heartbeat.handlers.observation_writer import (
    AgentDecisions,
    DaemonDecisions,
    SupervisorDecisions,
)
from makima_supervisor_heartbeat.handlers.watermarks import Watermarks
from makima_supervisor_heartbeat.queries import Queries

Verdict = DeclareSilent | DeclareDisconnected | DeclareAgentSilent | DeclareRestartExpired

# How long a verdict waits until the recorder has reached its watermark.
WATERMARK_TIMEOUT_SECONDS: Final = 2.0


def idempotency_content(
    command: supervisor.Command | daemon.Command,
) -> object:
    """The part of a command that must be equal when its command id is used again.

    Excludes what differs between legitimate repeats: replicas of the detector find the same silence at
    different times, so their evidence differs; and between two sends of a restart, a save or a restoration what
    other streams say may have changed.
    """
    match command:
        case JudgeSilence(connection_id):
            return connection_id
        case JudgeDisconnected():
            return None
        case OrderRestart(reason):
            return reason
        case Save(contract_id, kind, content, connection_id):
            return [contract_id, kind, content, connection_id]
        case Restore(contract_id, daemon_id, connection_id):
            return [contract_id, daemon_id, connection_id]
        case observed:
            return observed


class Verdicts:
    """Commands `declare_silent`, `declare_disconnected`, `declare_agent_silent` and `declare_restart_expired`, and
    the query `declare_all`, which takes many of each.

    `enabled` is the feature flag `supervisor_heartbeat`: if off, heartbeats are stored and no verdict is
    applied.
    """

    def __init__(
        self,
        supervisors: SupervisorDecisions,
        daemons: DaemonDecisions,
        agents: AgentDecisions,
        queries: Queries,
        watermarks: Watermarks,
        *,
        enabled: bool,
    ) -> None:
        self._supervisors, self._daemons, self._agents = supervisors, daemons, agents
        self._queries, self._watermarks, self._enabled = queries, watermarks, enabled

    def serve(self, router: CommandRouter) -> None:
        """Register the handlers. Daemons may not send verdicts: they could end any sender, and with
        `declare_all` as any actor.
        """
        router.command(DeclareSilent, self.declare_silent)
        router.command(DeclareDisconnected, self.declare_disconnected)
        router.command(DeclareAgentSilent, self.declare_agent_silent)
        router.command(DeclareRestartExpired, self.declare_restart_expired)
        router.query(DeclareAll, self.declare_all)

    async def declare_silent(self, request: Request[object], verdict: DeclareSilent) -> Reply:
        """`Accepted`, changed or not; `UNAVAILABLE` while the recorder is behind the verdict's watermark."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_disconnected(self, request: Request[object], verdict: DeclareDisconnected) -> Reply:
        """As `declare_silent`."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_agent_silent(self, request: Request[object], verdict: DeclareAgentSilent) -> Reply:
        """As `declare_silent`."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_restart_expired(
        self, request: Request[object], verdict: DeclareRestartExpired
    ) -> Reply:
        """As `declare_silent`."""
        return (await self._declare([(request, verdict)]))[0]

    async def declare_all(self, question: DeclareAll) -> VerdictReplies:
        """Apply many verdicts, each decoded, decided and answered separately, in the order of the question.

        With one message per verdict, the last of thousands of simultaneous verdicts would wait for seconds.
        """
        kinds = (
            decode_each(DeclareSilent, question.silent),
            decode_each(DeclareDisconnected, question.disconnected),
            decode_each(DeclareAgentSilent, question.agents),
            decode_each(DeclareRestartExpired, question.restarts),
        )
        given = [(one, one.data) for requests in kinds for one in requests if isinstance(one, Request)]
        declared = iter(await self._declare(given))
        silent, disconnected, agents, restarts = (
            [
                cast(
                    "object",
                    orjson.Fragment(encode_reply(one if isinstance(one, Problem) else next(declared))),
                )
                for one in requests
            ]
            for requests in kinds
        )
        return VerdictReplies(silent=silent, disconnected=disconnected, agents=agents, restarts=restarts)

    async def _declare(self, verdicts: Sequence[tuple[Request[object], Verdict]]) -> Sequence[Reply]:
        if not verdicts:
            return []
        refused = await self._refused(max(verdict.evidence.watermark for _, verdict in verdicts))
        if refused is not None:
            return [refused] * len(verdicts)
        newest = await self._newest(verdicts)
        return await asyncio.gather(
            *(
                self._judge(request, verdict, newest.get(_sender(request, verdict)))
                for request, verdict in verdicts
            )
        )

    async def _newest(self, verdicts: Sequence[tuple[Request[object], Verdict]]) -> Mapping[str, Arrival]:
        """The newest heartbeat of each sender; of an agent, of the connection that is judged."""
        senders, connections = list[str](), list[tuple[str, str]]()
        for request, verdict in verdicts:
            match verdict:
                case DeclareSilent() | DeclareDisconnected():
                    senders.append(_sender(request, verdict))
                case DeclareAgentSilent(connection_id):
                    connections.append((_sender(request, verdict), connection_id))
                case DeclareRestartExpired():
                    pass  # heartbeats do not end a restart
        newest = await self._queries.newest(senders) if senders else {}
        return newest | (await self._queries.newest_of_connections(connections) if connections else {})

    async def _judge(self, request: Request[object], verdict: Verdict, newest: Arrival | None) -> Reply:
        match verdict:
            case DeclareSilent(connection_id, evidence):
                return await self._supervisors.handle(request, JudgeSilence(connection_id, evidence, newest))
            case DeclareDisconnected(evidence):
                return await self._daemons.handle(request, JudgeDisconnected(evidence, newest))
            case DeclareAgentSilent(connection_id, evidence):
                judged = triggers.JudgeAgentSilence(connection_id, evidence, newest)
                return await self._agents.handle(request, judged)
            case DeclareRestartExpired(since_version, evidence):
                return await self._agents.handle(request, triggers.JudgeRestart(since_version, evidence))

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


def _sender(request: Request[object], verdict: Verdict) -> str:
    match verdict:
        case DeclareSilent():
            return stream_name("supervisor", request.target)
        case DeclareDisconnected():
            return stream_name("daemon", request.target)
        case DeclareAgentSilent() | DeclareRestartExpired():
            return stream_name("agent", request.target)
