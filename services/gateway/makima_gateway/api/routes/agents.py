"""Lists and shows agents and their teams, their heartbeats, and the verdicts on them."""

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, cast

from fastapi import APIRouter, Query
from makima_schemas.agent import AgentStatus
from makima_schemas.commands import Problem
from makima_schemas.contract.model import TERMINAL_STATUSES, ContractStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE
from starlette.responses import Response

from makima_gateway.api import agents as views
from makima_gateway.api.agent_beats import beat_strips
from makima_gateway.api.agent_listing import AgentsQuery, Beats, sort_key, statuses
from makima_gateway.api.as_it_was import agent_as_it_was, team_as_it_was
from makima_gateway.api.reads import (
    MAX_AGENTS,
    AgentRole,
    At,
    ContractId,
    DaemonId,
    Limit,
    ReadContext,
    Reading,
)
from makima_gateway.api.schemas.agents import Agent, AgentBeats, AgentPage, Agents, AgentTask, Life, Verdicts
from makima_gateway.api.searching import search
from makima_gateway.api.supervisor_heartbeats import heartbeats_of
from makima_gateway.api.verdicts import verdicts
from makima_gateway.api.writes import refused
from makima_gateway.http import pagination as cursors
from makima_gateway.http.problems import unknown_agent, unknown_daemon
from makima_gateway.read_model.agent_queries import AgentFilter, AgentSort
from makima_gateway.read_model.history import agent_changes
from makima_gateway.read_model.rows import AgentRow

router = APIRouter(tags=["agents"])


@router.get("/contracts/{contract_id}/agents", response_model=Agents)
async def list_contract_agents(
    contract_id: ContractId, read: Reading, at: At = None, beats: Beats | None = None
) -> Response:
    contract = await read.contract(contract_id)
    tenant, agents = read.principal.tenant, read.gateway.agents
    if at is not None:
        rows, wanted = await team_as_it_was(read, contract_id, at, MAX_AGENTS)
        settings = read.gateway.settings.contracts
        shown = [
            views.agent(row, None, settings, contract_name=contract.name) for row in rows if not row.hidden
        ]
        return read.answer(Agents(shown, views.team(rows, wanted)))
    rows = await agents.of_contract(tenant, contract_id, MAX_AGENTS)
    ended = contract.status in TERMINAL_STATUSES  # nothing is expected of anybody there
    wanted = frozenset[str]() if ended else await agents.roles_wanted(tenant, contract_id)
    show = await _view(read, rows, beats, contracts={contract_id: (contract.name, contract.status)})
    shown = [show(row) for row in rows]
    return read.answer(Agents(shown, views.team(rows, wanted)))


@router.get("/agents", response_model=AgentPage)
async def list_agents(query: Annotated[AgentsQuery, Query()], read: Reading) -> Response:
    stuck = [True, False] if query.stuck is None else [query.stuck]
    wanted = AgentFilter(statuses(query.status), stuck, query.q, query.daemon)
    numbers = await read.gateway.agents.numbers(read.principal.visibility)
    if query.q is not None:
        async with search(read, "narrow it with status or daemon") as seconds:
            page, total = await _sorted(read, wanted, query, query.sort or "contract", seconds)
    elif (query.sort, query.daemon) != (None, None):
        page, total = await _sorted(read, wanted, query, query.sort or "contract", None)
    else:
        page = await _in_order(read, wanted, query)
        total = sum(
            count
            for (of, is_stuck), count in numbers.items()
            if of in wanted.statuses and is_stuck in wanted.stuck
        )
    counts = {
        each.value: sum(numbers.get((each, is_stuck), 0) for is_stuck in (True, False))
        for each in AgentStatus
    }
    stuck_ones = sum(count for (_, is_stuck), count in numbers.items() if is_stuck)
    return read.answer({**page, "total": total, "counts": counts, "stuck": stuck_ones})


async def _sorted(
    read: ReadContext, wanted: AgentFilter, query: AgentsQuery, sort: AgentSort, seconds: float | None
) -> tuple[dict[str, object], int]:
    after, limit = cursors.in_order("agents", query.cursor, sort, sort_key), query.limit
    keyed, total = await read.gateway.agents.sorted_page(
        read.principal.visibility, wanted, sort, after, limit + 1, search_seconds=seconds
    )
    show = await _view(read, [row for row, _ in keyed], query.beats)
    page = cursors.page(
        keyed, limit, "agents", lambda one: cursors.ordered_key(sort, *one[1]), lambda one: show(one[0])
    )
    return page, total


async def _in_order(read: ReadContext, wanted: AgentFilter, query: AgentsQuery) -> dict[str, object]:
    limit = query.limit
    contract_id, _, role = (cursors.name("agents", query.cursor) or "").partition(":")
    visibility, agents = read.principal.visibility, read.gateway.agents
    rows = await agents.page(visibility, wanted, (contract_id, role), limit + 1)
    show = await _view(read, rows, query.beats)
    return cursors.page(rows, limit, "agents", lambda row: f"{row.contract_id}:{row.role}", show)


@router.get("/contracts/{contract_id}/agents/{role}", response_model=Agent)
async def show_agent(contract_id: ContractId, role: AgentRole, read: Reading, at: At = None) -> Response:
    """Also one that was cleaned up, which lists leave out."""
    contract = await read.contract(contract_id)
    if at is not None:
        then = await agent_as_it_was(read, contract_id, role, at)
        settings = read.gateway.settings.contracts
        return read.answer(views.agent(then, None, settings, contract_name=contract.name))
    row = await _agent(read, contract_id, role)
    return read.answer((await _view(read, [row]))(row))


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


@router.get("/contracts/{contract_id}/agents/{role}/life", response_model=Life)
async def agent_life(contract_id: ContractId, role: AgentRole, read: Reading, limit: Limit = 50) -> Response:
    """Newest first, over all its connections, and of a supervisor over all that drove the contract."""
    contract = await read.contract(contract_id)
    await _agent(read, contract_id, role)
    supervisors = await read.gateway.agents.supervisors_of(read.principal.tenant, contract_id, MAX_AGENTS)
    of = supervisors if role == SUPERVISOR_ROLE else []
    found = await agent_changes(read.gateway.log, contract, role, of, limit)
    return read.answer({"items": [views.life_step(each) for each in found]})


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


async def _view(
    read: ReadContext,
    rows: Sequence[AgentRow],
    beats: int | None = None,
    *,
    contracts: Mapping[str, tuple[str, ContractStatus]] | None = None,
) -> Callable[[AgentRow], Agent]:
    """How the agents are shown: with what their contracts, tasks and latest heartbeats say.

    `beats`: of how many intervals to show heartbeats; `contracts`: name and status of their contracts by id, where they are known.
    """
    gateway, tenant = read.gateway, read.principal.tenant
    if contracts is None:
        ids = sorted({row.contract_id for row in rows})
        contracts = await gateway.queries.names_and_statuses(tenant, ids)
    tasks = await gateway.agents.tasks_at_work(tenant, rows)
    of_supervisors = [row.contract_id for row in rows if row.role == SUPERVISOR_ROLE]
    drivers = await gateway.agents.supervisor_tasks(tenant, of_supervisors)
    strips = await beat_strips(gateway, tenant, rows, drivers, beats) if beats and rows else {}

    def show(row: AgentRow) -> Agent:
        task = tasks.get((row.contract_id, row.connection_id or ""))
        name, status = contracts.get(row.contract_id, (None, None))
        return views.agent(
            row,
            views.latest_of(gateway.latest_heartbeats, row, drivers.get(row.contract_id)),
            gateway.settings.contracts,
            contract_name=name,
            contract_status=status,
            task=None if task is None else AgentTask(*task),
            beats=strips.get((row.contract_id, row.role)),
        )

    return show
