"""Decider of an agent: which connection is in force, and its status. Heartbeats never change it: a join does."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from makima_schemas.agent import (
    BEATING,
    AgentEvent,
    AgentJoined,
    AgentLeft,
    AgentProgressed,
    AgentStatus,
    AgentStatusChanged,
    AgentStuck,
    CleanUpAgent,
    FollowTasks,
    LeaveAgent,
    Restarts,
    tells_restarts,
)
from makima_schemas.connections import fence
from makima_schemas.evidence import Evidence

from makima_supervisor_heartbeat.domain.agents import triggers as t
from makima_supervisor_heartbeat.domain.agents.refusals import no_daemon, not_found, superseded
from makima_supervisor_heartbeat.domain.agents.statuses import (
    FOUND,
    LIFECYCLE,
    REPORTS,
    transition_refusal,
    trigger_of,
)
from makima_supervisor_heartbeat.domain.stuck import ObserveProgress, ObserveStuck, is_newer
from makima_supervisor_heartbeat.domain.verdict import contradicted


@dataclass(frozen=True, slots=True)
class Agent:
    """State of an agent, folded from its stream."""

    contract_id: str = ""
    role: str = ""
    status: AgentStatus | None = None  # None: there is no record
    connection_id: str | None = None  # in force; None in a minimal record, which nobody joined yet
    daemon_id: str | None = None  # named by the join; None: it has none
    fenced: tuple[str, ...] = ()  # the newest connections that were replaced, newest last
    joined_at: datetime | None = None  # of the newest join
    trigger: str = ""  # of the newest event; empty after a join or a leave
    version: int = 0  # of its stream
    since_version: int = 0  # of its stream, when it came into its status
    evidence: Evidence | None = None  # of the verdict in force
    # What its daemon reported last; None: nothing since it left or a person restarted it.
    restarts: Restarts | None = None
    # Its last progress, if it is at work without any since; None: it is not stuck.
    stuck: datetime | None = None

    @property
    def alive(self) -> bool:
        """Heartbeats are expected of it."""
        return self.status in BEATING


class AgentDecider:
    initial = Agent()

    def decide(self, command: t.Command, state: Agent) -> list[AgentEvent]:
        """The events that `command` records; none if nothing has to change.

        Raises `Refused`: SUPERSEDED if the connection is not in force, PARTICIPANT_NOT_FOUND without a record,
        INVALID_TRANSITION outside the table, UNAVAILABLE for a restart that no daemon can do.
        """
        match command:
            case t.Join():
                return _join(command, state)
            case t.Report():
                return _report(command, state)
            case LeaveAgent(connection_id):
                return _leave(command, connection_id, state)
            case t.OrderAgentRestart():
                return _order_restart(command, state)
            case FollowTasks(holds_tasks):
                return _found(t.TakeTask() if holds_tasks else t.FinishTasks(), state)
            case t.JudgeAgentSilence():
                return _judge_silence(command, state)
            case t.JudgeRestart(since_version, evidence):
                late = since_version != state.since_version
                return [] if late else _found(command, state, evidence=evidence)
            case CleanUpAgent():
                return _found(command, state)
            case ObserveStuck() | ObserveProgress():
                return _on_progress(command, state)

    def evolve(self, state: Agent, event: AgentEvent) -> Agent:
        version = state.version + 1
        match event:
            case AgentStuck(progress_at=progress_at):
                return replace(state, version=version, stuck=progress_at)
            case AgentProgressed():
                return replace(state, version=version, stuck=None)
            case _:
                pass
        status = LIFECYCLE.destination(state.status, event)
        after = replace(
            state,
            contract_id=event.contract_id,
            role=event.role,
            status=status,
            version=version,
            since_version=state.since_version if status is state.status else version,
            trigger="",
            evidence=None,
            restarts=getattr(event, "restarts", None) if tells_restarts(event) else state.restarts,
            stuck=state.stuck if status is AgentStatus.WORKING else None,
        )
        match event:
            case AgentJoined():
                return replace(
                    after,
                    connection_id=event.connection_id,
                    daemon_id=event.daemon_id,
                    fenced=fence(state.fenced, state.connection_id, event.connection_id),
                    joined_at=event.joined_at,
                    stuck=None,
                )
            case AgentStatusChanged():
                return replace(after, trigger=event.trigger, evidence=event.evidence)
            case AgentLeft():
                return after


def _join(join: t.Join, agent: Agent) -> list[AgentEvent]:
    """A connection that was in force and was replaced never comes back; any other one may join in any status."""
    returns = join.connection_id == agent.connection_id
    if not returns and (join.joined_before or join.connection_id in agent.fenced):
        raise superseded(join.connection_id)
    stays = returns and agent.alive
    if stays and join.daemon_id in (None, agent.daemon_id):
        return []
    works = agent.status is AgentStatus.WORKING if stays else returns and join.holds_tasks
    return [
        AgentJoined(
            join.contract_id,
            join.role,
            join.connection_id,
            join.daemon_id or (agent.daemon_id if returns else None),
            agent.status or AgentStatus.OFFLINE,
            AgentStatus.WORKING if works else AgentStatus.READY,
            join.at,
        )
    ]


def _report(report: t.Report, agent: Agent) -> list[AgentEvent]:
    requested = REPORTS[report.agent_status]
    if agent.status is None and LIFECYCLE.allowed(None, requested) is None:
        raise not_found(report.role)
    joins = report.connection_id != agent.connection_id or not agent.alive
    if report.agent_status is AgentStatus.READY and report.join is not None and joins:
        return _join(report.join, agent)
    _check_connection(report.connection_id, agent)
    if report.agent_status is agent.status and not _is_another_attempt(report, agent):
        return []
    if LIFECYCLE.allowed(agent.status, requested) is None:
        raise transition_refusal(agent.status or AgentStatus.OFFLINE, requested)
    if requested is LeaveAgent:
        return [_left(agent)]
    known = replace(agent, contract_id=report.contract_id, role=report.role)
    changed = _changed(requested, report.agent_status, known, reason=report.reason)
    return [replace(changed, restarts=report.restarts if requested is t.ReportRestarting else None)]


def _is_another_attempt(report: t.Report, agent: Agent) -> bool:
    """True if it crashed again before it joined."""
    reported, known = (each and each.attempts for each in (report.restarts, agent.restarts))
    return agent.status is AgentStatus.RESTARTING and reported not in (None, known)


def _leave(leave: LeaveAgent, connection_id: str | None, agent: Agent) -> list[AgentEvent]:
    if agent.status is None:
        raise not_found(agent.role)
    _check_connection(connection_id, agent)
    return [_left(agent)] if LIFECYCLE.allowed(agent.status, type(leave)) else []


def _order_restart(order: t.OrderAgentRestart, agent: Agent) -> list[AgentEvent]:
    if agent.status is None:
        raise not_found(agent.role)
    if LIFECYCLE.allowed(agent.status, type(order)) is None:
        raise transition_refusal(agent.status, type(order))
    if order.daemon_id is None or not order.daemon_connected:
        raise no_daemon(order.daemon_id)
    return [_changed(type(order), AgentStatus.RESTARTING, agent, reason=order.reason)]


def _judge_silence(verdict: t.JudgeAgentSilence, agent: Agent) -> list[AgentEvent]:
    if verdict.connection_id != agent.connection_id:
        return []
    if contradicted(verdict.evidence, verdict.newest) or _joined_since(verdict.evidence, agent):
        return []
    return _found(verdict, agent, evidence=verdict.evidence)


def _joined_since(evidence: Evidence, agent: Agent) -> bool:
    """True if the silence that the evidence tells of began before the agent joined.

    The join has the clock of the service, the evidence that of the broker. So half of the timeout is left to their
    difference: the detector itself waits for the whole one after a join.
    """
    between = timedelta(seconds=evidence.timeout_seconds / 2)
    return agent.joined_at is not None and agent.joined_at > evidence.watermark - between


def _found(
    found: t.TakeTask | t.FinishTasks | t.JudgeAgentSilence | t.JudgeRestart | CleanUpAgent,
    agent: Agent,
    *,
    evidence: Evidence | None = None,
) -> list[AgentEvent]:
    """What the system found: nothing where the table has no row for it."""
    assert type(found) in FOUND
    row = LIFECYCLE.allowed(agent.status, type(found))
    return [] if row is None else [_changed(type(found), row.destinations[0], agent, evidence=evidence)]


def _on_progress(observed: ObserveStuck | ObserveProgress, agent: Agent) -> list[AgentEvent]:
    """Nothing for another connection, nor for one that does not work; once until it progresses."""
    connection_id, progress_at = observed.connection_id, observed.progress_at
    if (
        agent.status is not AgentStatus.WORKING
        or connection_id is None
        or connection_id != agent.connection_id
    ):
        return []
    named = (agent.contract_id, agent.role, connection_id)
    if isinstance(observed, ObserveProgress):
        return [AgentProgressed(*named, progress_at)] if is_newer(progress_at, agent.stuck) else []
    return [AgentStuck(*named, progress_at, observed.activity)] if agent.stuck is None else []


def _changed(
    command: type,
    status: AgentStatus,
    agent: Agent,
    *,
    reason: str | None = None,
    evidence: Evidence | None = None,
) -> AgentStatusChanged:
    return AgentStatusChanged(
        agent.contract_id,
        agent.role,
        agent.status or AgentStatus.OFFLINE,
        status,
        trigger_of(agent.status, command),
        agent.connection_id,
        reason,
        evidence,
    )


def _left(agent: Agent) -> AgentLeft:
    return AgentLeft(agent.contract_id, agent.role, agent.connection_id, agent.status or AgentStatus.OFFLINE)


def _check_connection(connection_id: str | None, agent: Agent) -> None:
    """Raises `Refused(SUPERSEDED)` unless it is the one in force, the daemon speaks (None), or none is in force."""
    if connection_id is not None and agent.connection_id not in (None, connection_id):
        raise superseded(connection_id)
