"""Lists and shows agents and their teams, their heartbeats, and the verdicts on them."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Query
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.responses import Response

from makima_gateway.api import agents as views
from makima_gateway.api.as_it_was import team_as_it_was
from makima_gateway.api.reads import AgentRole, ContractId, Cursor, DaemonId, Limit, ReadContext, Reading
from makima_gateway.api.schemas.agents import Agent, AgentBeats, AgentPage, Agents, Verdicts
from makima_gateway.api.supervisor_heartbeats import heartbeats_of
from makima_gateway.api.verdicts import verdicts
from makima_gateway.api.writes import refused
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import invalid, unknown_agent, unknown_daemon
from makima_gateway.read_model.agent_queries import AgentFilter
from makima_gateway.read_model.rows import AgentRow

router = APIRouter(tags=["agents"])
MAX_AGENTS: Final = 500  # of a contract, that are listed at once

At = Annotated[
    str | None,
    Query(
        max_length=64,
        description="a version of the contract, or an RFC 3339 time, of which to return the state",
    ),
]
Statuses = Annotated[
    str | None,
    Query(max_length=200, description="only agents in one of these, e.g. `dead,dead_failed_revive`"),
]
Stuck = Annotated[bool | None, Query(description="only agents that are stuck, or only others")]


@router.get("/contracts/{contract_id}/agents", response_model=Agents)
async def list_contract_agents(contract_id: ContractId, read: Reading, at: At = None) -> Response:
    contract = await read.contract(contract_id)
    tenant, agents = read.principal.tenant, read.gateway.agents
    if at is not None:
        rows, wanted = await team_as_it_was(read, contract_id, at, MAX_AGENTS)
        settings = read.gateway.settings.contracts
        shown = [views.agent(row, None, settings) for row in rows if not row.hidden]
        return read.answer(Agents(shown, views.team(rows, wanted)))
    rows = await agents.of_contract(tenant, contract_id, MAX_AGENTS)
    wanted = await agents.roles_wanted(tenant, contract_id)
    shown = [_shown(read, row, contract.supervisor_task_id) for row in rows]
    return read.answer(Agents(shown, views.team(rows, wanted)))


@router.get("/agents", response_model=AgentPage)
async def list_agents(
    read: Reading, status: Statuses = None, stuck: Stuck = None, limit: Limit = 50, cursor: Cursor = None
) -> Response:
    wanted = AgentFilter(_statuses(status), [True, False] if stuck is None else [stuck])
    contract_id, _, role = (cursors.name("agents", cursor) or "").partition(":")
    visibility, agents = read.principal.visibility, read.gateway.agents
    rows = await agents.page(visibility, wanted, (contract_id, role), limit + 1)
    of_supervisors = [row.contract_id for row in rows if row.role == SUPERVISOR_ROLE]
    tasks = await agents.supervisor_tasks(read.principal.tenant, of_supervisors)
    return read.answer(
        cursors.page(
            rows,
            limit,
            "agents",
            lambda row: f"{row.contract_id}:{row.role}",
            lambda row: _shown(read, row, tasks.get(row.contract_id)),
        )
    )


@router.get("/contracts/{contract_id}/agents/{role}", response_model=Agent)
async def show_agent(contract_id: ContractId, role: AgentRole, read: Reading) -> Response:
    """Also one that was cleaned up, which lists leave out."""
    contract = await read.contract(contract_id)
    row = await _agent(read, contract_id, role)
    return read.answer(_shown(read, row, contract.supervisor_task_id))


@router.get("/contracts/{contract_id}/agents/{role}/heartbeats", response_model=AgentBeats)
async def agent_heartbeats(
    contract_id: ContractId, role: AgentRole, read: Reading, limit: Annotated[int, Query(ge=1, le=500)] = 60
) -> Response:
    """Newest first, of all its connections."""
    contract = await read.contract(contract_id)
    await _agent(read, contract_id, role)
    who: dict[str, object] = {"contract_id": contract_id, "role": role}
    if role == SUPERVISOR_ROLE:
        if contract.supervisor_task_id is None:
            return read.answer(AgentBeats([]))
        who = {"task_id": contract.supervisor_task_id}
    reply = await heartbeats_of(read.gateway, read.principal.tenant, limit, **who)
    if isinstance(reply, Problem):
        raise refused(reply)
    return read.answer(AgentBeats(views.beats(cast("list[dict[str, object]]", reply["heartbeats"]))))


@router.get("/contracts/{contract_id}/agents/{role}/verdicts", response_model=Verdicts)
async def agent_verdicts(
    contract_id: ContractId, role: AgentRole, read: Reading, limit: Limit = 50
) -> Response:
    """Newest first."""
    contract = await read.contract(contract_id)
    await _agent(read, contract_id, role)
    tenant, log = read.principal.tenant, read.gateway.log
    if role != SUPERVISOR_ROLE:
        return read.answer(Verdicts(await verdicts(log, tenant, "agent", f"{contract_id}:{role}", limit)))
    task_id = contract.supervisor_task_id
    found = [] if task_id is None else await verdicts(log, tenant, "supervisor", task_id, limit)
    return read.answer(Verdicts(found))


@router.get("/daemons/{daemon_id}/verdicts", response_model=Verdicts)
async def daemon_verdicts(daemon_id: DaemonId, read: Reading, limit: Limit = 50) -> Response:
    """Newest first."""
    if await read.gateway.queries.daemon(read.principal.tenant, daemon_id) is None:
        raise unknown_daemon(daemon_id)
    return read.answer(
        Verdicts(await verdicts(read.gateway.log, read.principal.tenant, "daemon", daemon_id, limit))
    )


async def _agent(read: ReadContext, contract_id: str, role: str) -> AgentRow:
    row = await read.gateway.agents.one(read.principal.tenant, contract_id, role)
    if row is None:
        raise unknown_agent(contract_id, role)
    return row


def _shown(read: ReadContext, row: AgentRow, supervisor_task_id: str | None) -> Agent:
    gateway = read.gateway
    latest = views.latest_of(gateway.latest_heartbeats, row, supervisor_task_id)
    return views.agent(row, latest, gateway.settings.contracts)


def _statuses(given: str | None) -> list[AgentStatus]:
    if given is None:
        return list(AgentStatus)
    try:
        return sorted({AgentStatus(part.strip()) for part in given.split(",")})
    except ValueError as error:
        known = ", ".join(AgentStatus)
        raise invalid("query.status", f"{error}; the statuses are {known}") from error
