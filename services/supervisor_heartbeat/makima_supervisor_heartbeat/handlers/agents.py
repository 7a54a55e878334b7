"""Handles the commands about agents: finds out what their decider cannot know, and signals daemons for restarts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final

import structlog
from makima_kernel.commands.router import CommandRouter
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector
from makima_kernel.telemetry import metrics
from makima_schemas.agent import (
    AgentEvent,
    AgentProgressed,
    AgentStatus,
    AgentStatusChanged,
    AgentStuck,
    CleanUpAgent,
    FollowTasks,
    JoinAgent,
    LeaveAgent,
    ReportAgentStatus,
    RestartAgent,
)
from makima_schemas.commands import Accepted, Reply, Request, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import is_agent_id, stream_name
from makima_schemas.refusal import Refused, over_quota
from nats.aio.client import Client

from makima_supervisor_heartbeat.domain.agents.refusals import refuse_reserved
from makima_supervisor_heartbeat.domain.agents.statuses import RESTARTING
from makima_supervisor_heartbeat.domain.agents.triggers import Join, OrderAgentRestart, Report
from makima_supervisor_heartbeat.domain.restartable import restart_refusal
from makima_supervisor_heartbeat.handlers.observation_writer import AgentDecisions
from makima_supervisor_heartbeat.handlers.restart_signal import answer_without_signal, signal_restart
from makima_supervisor_heartbeat.queries import AgentFacts, Queries

AGENT_CATCH_UP_SECONDS: Final = 1.0
_DAEMON: Final = "daemon:"  # an actor that is a daemon
# Of a join that is not the first of its role: the log event that follows `agent.joined`.
_JOINED_AGAIN: Final = {"return": "agent.returned", "replacement": "agent.replaced"}

_logger = structlog.get_logger(__name__)


def count(event: AgentEvent) -> None:
    """Count restarts in the metrics. Called for events that this process appended."""
    match event:
        case AgentStatusChanged(trigger="restart_initiated"):
            metrics.agent_restarts.inc()
        case AgentStatusChanged(trigger="restart_exhausted"):
            metrics.agent_restarts_exhausted.inc()
        case _:
            pass


def log_fields(event: AgentEvent) -> dict[str, object]:
    """What the line of an event in the log says of it: why its status changed, above all."""
    match event:
        case AgentStatusChanged():
            return {"trigger": event.trigger, "old_status": event.old_status, "new_status": event.new_status}
        case AgentStuck() | AgentProgressed():
            return {"progress_at": event.progress_at}
        case _:
            return {"old_status": event.old_status, "connection_id": event.connection_id}


class Agents:
    """`max_agents`: of one contract. `clock` gives the time at which a join is accepted."""

    def __init__(
        self,
        decisions: AgentDecisions,
        queries: Queries,
        log: Log,
        projector: Projector,
        nats: Client,
        *,
        max_agents: int,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._decisions, self._queries, self._nats, self._clock = decisions, queries, nats, clock
        self._log, self._projector, self._max_agents = log, projector, max_agents

    def serve(self, router: CommandRouter) -> None:
        """Register the handlers. Daemons may not say what the log and the detector say."""
        router.command(JoinAgent, self.join, daemons=True)
        router.command(LeaveAgent, self.leave, daemons=True)
        router.command(ReportAgentStatus, self.report, daemons=True)
        router.command(RestartAgent, self.restart, daemons=True)
        router.command(FollowTasks, self._decisions.handle)
        router.command(CleanUpAgent, self._decisions.handle)

    async def authorize(self, daemon_id: str, request: Request) -> None:
        """Raises `Refused(CONTRACT_NOT_FOUND)` if the agent's contract is not the daemon's, as if it did not exist."""
        contract_id = request.target.partition(":")[0]
        if await self._queries.holds(request.tenant, contract_id, daemon_id):
            return
        await self._catch_up()
        if not await self._queries.holds(request.tenant, contract_id, daemon_id):
            raise _no_contract()

    async def join(self, request: Request[object], command: JoinAgent) -> Reply:
        """A daemon joins agents of its own only: whatever it says, `daemon_id` is its own."""
        try:
            facts, join = await self._join(request, command.connection_id, command.daemon_id)
        except Refused as refused:
            return problem(refused)
        reply = await self._decisions.handle(request, join)
        if isinstance(reply, Accepted) and reply.changed and reply.position > facts.read_to:  # no repeat
            kind = _kind(facts, command.connection_id)
            metrics.agent_joins.labels(kind).inc()
            if kind in _JOINED_AGAIN:
                _logger.info(
                    _JOINED_AGAIN[kind], agent_id=request.target, connection_id=command.connection_id
                )
        if not isinstance(reply, Accepted) and reply.code is ErrorCode.SUPERSEDED:
            metrics.agents_superseded.labels("join").inc()
            _logger.info(
                "agent.join_superseded", agent_id=request.target, connection_id=command.connection_id
            )
        return reply

    async def leave(self, request: Request[object], command: LeaveAgent) -> Reply:
        try:
            await self._facts(request, None)
        except Refused as refused:
            return problem(refused)
        return await self._decisions.handle(request, command)

    async def report(self, request: Request[object], command: ReportAgentStatus) -> Reply:
        """`ready` of a connection that is not in force is a join of it."""
        joins, join = command.agent_status is AgentStatus.READY, None
        try:
            if joins and command.connection_id is not None:
                _, join = await self._join(request, command.connection_id, None)
            else:
                await self._facts(request, None)
        except Refused as refused:
            return problem(refused)
        contract_id, _, role = request.target.partition(":")
        requested = Report(
            contract_id,
            role,
            command.agent_status,
            command.connection_id,
            command.reason,
            command.restarts,
            join,
        )
        return await self._decisions.handle(request, requested)

    async def restart(self, request: Request[object], command: RestartAgent) -> Reply:
        """Signal the daemon and record the restart; what it refuses, or does not hear, is no event. In a paused contract
        nothing is asked of it, nor by a repeat when the restart is over.
        """
        try:
            facts = await self._facts(request, None)
            order = OrderAgentRestart(command.reason, facts.daemon_id, facts.daemon_connected)
            stream = stream_name("agent", request.target)
            answer = await answer_without_signal(self._decisions, self._log, stream, request, order)
        except Refused as refused:
            return problem(refused)
        except DATABASE_UNAVAILABLE as error:
            return problem(_unread(error))
        if answer is not None:
            return answer
        paused = restart_refusal(facts.contract, facts.status)
        if paused is not None:
            return await self._decisions.handle(request, order, paused)
        may = facts.status not in (None, RESTARTING)
        if may and facts.daemon_id is not None and facts.daemon_connected:
            contract_id, _, role = request.target.partition(":")
            body = {
                "contract_id": contract_id,
                "role": role,
                "connection_id": facts.connection_id,
                "reason": command.reason,
            }
            refused = await signal_restart(self._nats, facts.daemon_id, body)
            if refused is not None:
                return refused
        return await self._decisions.handle(request, order)

    async def _join(
        self, request: Request[object], connection_id: str, daemon_id: str | None
    ) -> tuple[AgentFacts, Join]:
        facts = await self._facts(request, connection_id)
        if request.actor.startswith(_DAEMON):
            daemon_id = request.actor.removeprefix(_DAEMON)
        contract_id, _, role = request.target.partition(":")
        now, seen = self._clock(), facts.joined_before
        return facts, Join(contract_id, role, connection_id, daemon_id, now, facts.holds_tasks, seen)

    async def _facts(self, request: Request[object], connection_id: str | None) -> AgentFacts:
        """What the log says now. Raises `Refused`: INVALID_REQUEST for what is no agent that may join,
        CONTRACT_NOT_FOUND, UNAVAILABLE, QUOTA_EXCEEDED for one more agent than the contract may have.
        """
        contract_id, _, role = request.target.partition(":")
        if not is_agent_id(request.target):
            raise Refused(
                ErrorCode.INVALID_REQUEST,
                f"{request.target[:140]!r} is not the id of an agent",
                hint="it is <contract_id>:<role>",
            )
        refuse_reserved(role)
        try:
            head = await self._catch_up()
            facts = await self._queries.agent_facts(request.tenant, contract_id, role, connection_id, head)
            if facts is not None and facts.status is None:
                await self._check_room(request.tenant, contract_id)
        except DATABASE_UNAVAILABLE as error:
            raise _unread(error) from error
        if facts is None:
            raise _no_contract()
        return facts

    async def _check_room(self, tenant: str, contract_id: str) -> None:
        """Raises `Refused(QUOTA_EXCEEDED)` if the contract has no room for a role that is new.

        New roles that come at the same time may be a few too many.
        """
        used = await self._queries.agents_of(tenant, contract_id)
        if used >= self._max_agents:
            raise over_quota(
                "agents_per_contract",
                limit=self._max_agents,
                used=used,
                detail=f"the contract has {used} agents, and may have {self._max_agents}",
                instead="join under a role that it has",
            )

    async def _catch_up(self) -> int:
        """Wait until the read model shows the log of now, up to this position; what comes later is the decider's to see."""
        head = await self._log.head()
        await self._projector.wait_for(head, AGENT_CATCH_UP_SECONDS)
        return head


def _kind(facts: AgentFacts, connection_id: str) -> str:
    if facts.connection_id is None:
        return "first"
    return "return" if facts.connection_id == connection_id else "replacement"


def _unread(error: BaseException) -> Refused:
    return Refused(
        ErrorCode.UNAVAILABLE,
        f"the agent cannot be read from the database: {type(error).__name__}",
        hint="nothing was changed; ask again",
    )


def _no_contract() -> Refused:
    return Refused(ErrorCode.CONTRACT_NOT_FOUND, "there is no such contract")
