"""Joins, heartbeats, leaves, status reports and restarts of agents, and supervisors' heartbeats, by HTTP."""

from typing import Final

from fastapi import APIRouter, Request
from makima_kernel.commands.router import snake_case
from makima_schemas import subjects
from makima_schemas.agent import AgentCommand, JoinAgent, LeaveAgent, ReportAgentStatus, RestartAgent
from makima_schemas.commands import Problem
from makima_schemas.heartbeat import AgentHeartbeat, SupervisorHeartbeat
from makima_schemas.heartbeat_completion import completed_agent, completed_supervisor, member_of
from makima_schemas.heartbeat_reader import RefusedHeartbeatError, read_agent, read_supervisor
from makima_schemas.identity import agent_id, is_id
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.responses import Response

from makima_gateway.api import agents as views
from makima_gateway.api import heartbeats
from makima_gateway.api.lenient_bodies import request_body
from makima_gateway.api.reads import AgentRole, ContractId
from makima_gateway.api.schemas.agent_reports import AgentStatusReport
from makima_gateway.api.schemas.agents import (
    AgentHeartbeatRequest,
    AgentLeave,
    AgentRestart,
    AgentRestartAsked,
    Answer,
    SenderAnswer,
    SupervisorHeartbeatRequest,
)
from makima_gateway.api.speaker import connection_of
from makima_gateway.api.supervisor_heartbeats import OWNER
from makima_gateway.api.writes import WriteContext, WriteResult, Writing, refused
from makima_gateway.auth.policy import Role
from makima_gateway.auth.principal import request_for
from makima_gateway.http.problems import invalid, unknown_daemon
from makima_gateway.http.responses import json_response
from makima_gateway.read_model.agent_queries import is_fenced
from makima_gateway.read_model.rows import ContractRow

router = APIRouter(tags=["agents"])
UNFIT: Final = "send a JSON object with the connection_id of this process"
# Members of a join that tell about the work, as a heartbeat does.
WORK_MEMBERS: Final = ("seq", "activity", "progress", "child", "quiet_until")
_AGENT: Final = "/contracts/{contract_id}/agents/{role}"


@router.post(f"{_AGENT}/join", response_model=SenderAnswer, openapi_extra=request_body(AgentHeartbeatRequest))
async def join_agent(contract_id: ContractId, role: AgentRole, request: Request, write: Writing) -> Response:
    """A new process joins with a new connection id, and what its role held becomes `pending` again; one that comes
    back joins with its own, and keeps its tasks. What a heartbeat may tell, a join may tell, too.
    """
    contract = await _joinable(write, contract_id, role)
    body = await heartbeats.body_of(request)
    encoded, beat = _agents_beat(contract_id, role, body)
    connection_of(write.principal, beat.connection_id)
    daemon_id = await _daemon_named(write, body)
    written = await _send(write, contract_id, role, JoinAgent(beat.connection_id, daemon_id))
    if any(member_of(body, member) is not None for member in WORK_MEMBERS):
        subject = subjects.agent_heartbeat(daemon_id, contract.id, role)
        await heartbeats.store(write.gateway.nats, subject, encoded)
    return _answer(write, role, "ok", written)


@router.post(
    f"{_AGENT}/heartbeat", response_model=SenderAnswer, openapi_extra=request_body(AgentHeartbeatRequest)
)
async def agent_heartbeat(
    contract_id: ContractId, role: AgentRole, request: Request, write: Writing
) -> Response:
    """Publishes the heartbeat to the heartbeat stream, like those that come by NATS, and is read as they are.

    `rejoin_required`: it counts again once its connection has joined again, with the same id. `superseded`: another
    process has joined; this one is to stop.
    """
    await _joinable(write, contract_id, role)
    body = await heartbeats.body_of(request)
    encoded, beat = _agents_beat(contract_id, role, body)
    connection_of(write.principal, beat.connection_id)
    daemon_id = await _daemon_named(write, body)
    row = await write.gateway.agents.one(write.principal.tenant, contract_id, role)
    if row is not None:  # else nobody knows what it would be about
        subject = subjects.agent_heartbeat(daemon_id or row.daemon_id, contract_id, role)
        await heartbeats.store(write.gateway.nats, subject, encoded)
    return _answer(write, role, views.answer(row, beat.connection_id))


@router.post(f"{_AGENT}/leave", response_model=SenderAnswer)
async def leave_agent(
    contract_id: ContractId,
    role: AgentRole,
    write: Writing,
    body: AgentLeave = AgentLeave(),  # noqa: B008 - frozen
) -> Response:
    """The agent ends on purpose: it is `offline`, and what its role held becomes `pending` again."""
    await _joinable(write, contract_id, role)
    command = LeaveAgent(connection_of(write.principal, body.connection_id))
    return _answer(write, role, "ok", await _send(write, contract_id, role, command))


@router.post(f"{_AGENT}/status", response_model=SenderAnswer)
async def report_agent_status(
    contract_id: ContractId, role: AgentRole, body: AgentStatusReport, write: Writing
) -> Response:
    """The status in force again changes nothing, but for `restarting` with another number of `restarts`: it crashed
    again. Of an agent that never joined, only `dead`, `dead_failed_revive` and
    `restarting` can be reported.
    """
    await _joinable(write, contract_id, role)
    connection_id = connection_of(write.principal, body.connection_id)
    restarts = None if body.restarts is None else body.restarts.reported
    command = ReportAgentStatus(body.reported, connection_id, body.reason, restarts)
    return _answer(write, role, "ok", await _send(write, contract_id, role, command))


@router.post(f"{_AGENT}/restart", status_code=202, response_model=AgentRestartAsked)
async def restart_agent(
    contract_id: ContractId,
    role: AgentRole,
    write: Writing,
    body: AgentRestart = AgentRestart(),  # noqa: B008 - frozen
) -> Response:
    """Asks the daemon that runs the agent to restart it. 400 `INVALID_TRANSITION` in a paused contract: resume it first.
    503 `UNAVAILABLE` if the daemon is disconnected.
    """
    await _joinable(write, contract_id, role)
    written = await _send(write, contract_id, role, RestartAgent(body.reason))
    row = await write.gateway.agents.one(write.principal.tenant, contract_id, role)
    requested = AgentRestartAsked(contract_id, role, None if row is None else row.daemon_id, body.reason)
    return json_response(requested, written.headers, status=202)


@router.post(
    "/contracts/{contract_id}/supervisor/heartbeat",
    response_model=SenderAnswer,
    openapi_extra=request_body(SupervisorHeartbeatRequest),
)
async def supervisor_heartbeat(contract_id: ContractId, request: Request, write: Writing) -> Response:
    """For supervisors without NATS. It is published to the heartbeat stream and read as those that come by NATS.

    `superseded`: another daemon has the contract, or a newer process of this supervisor was heard; this one is to stop.
    """
    contract = await write.known_contract(contract_id)
    body = await heartbeats.body_of(request)
    encoded, beat = _supervisors_beat(contract, body)
    if connection_of(write.principal, beat.connection_id) != beat.connection_id:
        raise invalid("body.connection_id", "is required: send the connection id that the token was made for")
    daemon_id = await _daemon_named(write, body) or contract.daemon_id or contract.restoring_daemon_id
    if daemon_id is None:
        raise invalid("body.daemon_id", "no daemon has the contract yet: say which one runs the supervisor")
    await heartbeats.store(
        write.gateway.nats, subjects.supervisor_heartbeat(daemon_id, beat.task_id), encoded
    )
    row = await write.gateway.agents.one(write.principal.tenant, contract_id, SUPERVISOR_ROLE)
    fenced = row is not None and beat.connection_id is not None and is_fenced(row, beat.connection_id)
    others = contract.daemon_id not in (None, daemon_id) and contract.restoring_daemon_id != daemon_id
    return _answer(write, SUPERVISOR_ROLE, "superseded" if fenced or others else "ok")


def _agents_beat(contract_id: str, role: str, body: bytes) -> tuple[bytes, AgentHeartbeat]:
    """What is published, and what is made of it. Raises `INVALID_REQUEST`, `PAYLOAD_TOO_LARGE`."""
    try:
        encoded = completed_agent(contract_id, role, body, heartbeats.left_out())
        heartbeats.check_size(encoded)
        return encoded, read_agent(contract_id, role, encoded, None)[0]
    except RefusedHeartbeatError as error:
        raise heartbeats.unfit(error, hint=UNFIT) from error


def _supervisors_beat(contract: ContractRow, body: bytes) -> tuple[bytes, SupervisorHeartbeat]:
    """As `_agents_beat`. Without a `task_id`, it is of the supervisor that drives the contract."""
    task_id = member_of(body, "task_id") or contract.supervisor_task_id or contract.restoring_task_id
    if not isinstance(task_id, str) or not is_id(task_id):
        raise invalid("body.task_id", "is not the id of the supervisor's task")
    given = {"timestamp": heartbeats.left_out()["timestamp"]}
    try:
        encoded = completed_supervisor(task_id, contract.id, body, given)
        heartbeats.check_size(encoded)
        beat, _ = read_supervisor(task_id, encoded, None)
    except RefusedHeartbeatError as error:
        raise heartbeats.unfit(error, hint="send a JSON object with the state of the supervisor") from error
    if beat.contract_id != contract.id:
        raise invalid("body.contract_id", f"is {beat.contract_id}, and the path names {contract.id}")
    return encoded, beat


async def _daemon_named(write: WriteContext, body: bytes) -> str | None:
    """The daemon that the sender runs on: the caller, if it is one; else the one that the body names.

    What is to be said to an agent goes to its daemon, so only one may be named that runs contracts of the caller's.
    Raises `INVALID_REQUEST` and `DAEMON_NOT_FOUND`.
    """
    named, agent = member_of(body, "daemon_id"), write.principal.agent
    own = write.principal.visibility.daemon_id if agent is None else agent.daemon_id
    if named is not None and not (isinstance(named, str) and is_id(named)):
        raise invalid("body.daemon_id", "is not the id of a daemon")
    if own is not None and named not in (None, own):
        raise invalid("body.daemon_id", f"is {named}, and the token is of daemon {own}")
    if own is not None or named is None or write.principal.role is Role.ADMIN:
        return own or named
    if agent is not None and (await write.known_contract(agent.contract_id)).daemon_id == named:
        return named
    if agent is not None or not await write.gateway.queries.sees_daemon(write.principal.visibility, named):
        raise unknown_daemon(named)
    return named


async def _joinable(write: WriteContext, contract_id: str, role: str) -> ContractRow:
    """Raises `CONTRACT_NOT_FOUND`, and `INVALID_REQUEST` for the reserved role."""
    contract = await write.known_contract(contract_id)
    if role == SUPERVISOR_ROLE:
        path = f"POST /api/v1/contracts/{contract_id}/supervisor"
        hint = f"send heartbeats as a supervisor: {path}/heartbeat; restart it: {path}/restart"
        raise invalid("path.role", "the role supervisor is reserved: it never joins", hint=hint)
    return contract


async def _send(write: WriteContext, contract_id: str, role: str, command: AgentCommand) -> WriteResult:
    """Raises what the owner of agents refuses."""
    request = request_for(write.principal, write.command_id, agent_id(contract_id, role), command)
    reply = await write.gateway.bus.ask(OWNER, snake_case(type(command).__name__), request)
    if isinstance(reply, Problem):
        raise refused(reply)
    return await write.wait_until_readable(contract_id, reply)


def _answer(write: WriteContext, role: str, status: Answer, written: WriteResult | None = None) -> Response:
    settings = write.gateway.settings.contracts
    timeout = views.timeout_seconds(role, settings)
    shown = SenderAnswer(status, settings.heartbeat_interval_seconds, timeout)
    return json_response(shown, None if written is None else written.headers)
