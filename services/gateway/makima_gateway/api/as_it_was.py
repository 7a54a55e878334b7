"""A contract, its team and an agent as they were at a version or a time."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime
from typing import TypeVar

from makima_schemas.contract.model import TERMINAL_STATUSES, TaskStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.api.reads import MAX_AGENTS, ReadContext
from makima_gateway.diagnosis.contract_facts import ContractFacts
from makima_gateway.diagnosis.past_facts import Past, past_facts
from makima_gateway.http.problems import invalid, unknown_agent, unknown_contract
from makima_gateway.read_model.history import AsItWas, Until, agents_as_they_were, as_it_was
from makima_gateway.read_model.queries import Found
from makima_gateway.read_model.rows import AgentRow, ContractRow, QuestionRow, TaskRow

R = TypeVar("R")
Find = Callable[[str, str, int, int], Awaitable[Found[R]]]  # by tenant, contract, after, limit

UNFINISHED = frozenset({TaskStatus.PENDING, TaskStatus.CLAIMED, TaskStatus.RUNNING})


async def contract_as_it_was(read: ReadContext, contract_id: str, at: str) -> tuple[ContractRow, AsItWas]:
    """The contract at a version (decimal digits) or at an RFC 3339 time.

    Raises `CONTRACT_NOT_FOUND`, and `INVALID_REQUEST` for a version that does not exist.
    """
    tenant = read.principal.tenant
    await read.contract(contract_id)  # a deleted contract is 404 for any `at`
    if at.isascii() and at.isdecimal() and len(at) < 19:
        then = await as_it_was(read.gateway.log, tenant, contract_id, version=int(at))
        if then.contract is None or then.contract.version != int(at):
            raise invalid("query.at", f"the contract has no version {at}")
        return then.contract, then
    then = await as_it_was(read.gateway.log, tenant, contract_id, at=_time(at))
    if then.contract is None:
        raise unknown_contract(contract_id)
    return then.contract, then


async def tasks_as_they_were(read: ReadContext, contract_id: str, at: str) -> Find[TaskRow]:
    """Finds the pages of the tasks at that time, as `Queries.tasks` those of now."""
    _, then = await contract_as_it_was(read, contract_id, at)
    return _pages(then.tasks.values(), lambda row: row.created_position)


async def questions_as_they_were(read: ReadContext, contract_id: str, at: str) -> Find[QuestionRow]:
    """Finds the pages of the questions at that time, as `Queries.questions` those of now."""
    _, then = await contract_as_it_was(read, contract_id, at)
    return _pages(then.questions.values(), lambda row: row.asked_position)


def _pages(rows: Iterable[R], place: Callable[[R], int]) -> Find[R]:
    ordered = sorted(rows, key=place)

    async def find(_tenant: str, _contract_id: str, after: int, limit: int) -> Found[R]:
        return Found([row for row in ordered if place(row) > after][:limit], cut=False)

    return find


async def team_as_it_was(
    read: ReadContext, contract_id: str, at: str, limit: int
) -> tuple[list[AgentRow], frozenset[str]]:
    """The agents at that time, by role, and the roles of the tasks that were not done in a contract that went on."""
    contract, then = await contract_as_it_was(read, contract_id, at)
    tenant, agents = read.principal.tenant, read.gateway.agents
    roles = await agents.roles(tenant, contract_id, limit)
    supervisors = await agents.supervisors_of(tenant, contract_id, limit)
    rows = await _agents(read, contract, then, at, roles=roles, supervisors=supervisors)
    ended = contract.status in TERMINAL_STATUSES
    return rows, frozenset() if ended else roles_wanted(then.tasks.values())


async def agent_as_it_was(read: ReadContext, contract_id: str, role: str, at: str) -> AgentRow:
    """The agent at that time, also one that had been cleaned up.

    Raises as `contract_as_it_was`, and `PARTICIPANT_NOT_FOUND` where it had not joined yet.
    """
    contract, then = await contract_as_it_was(read, contract_id, at)
    tenant, agents = read.principal.tenant, read.gateway.agents
    supervises = role == SUPERVISOR_ROLE
    supervisors = await agents.supervisors_of(tenant, contract_id, MAX_AGENTS) if supervises else []
    for row in await _agents(read, contract, then, at, roles=[role], supervisors=supervisors):
        if row.role == role:
            return row
    raise unknown_agent(contract_id, role, at)


async def _agents(
    read: ReadContext,
    contract: ContractRow,
    then: AsItWas,
    at: str,
    *,
    roles: Sequence[str],
    supervisors: Sequence[str],
) -> list[AgentRow]:
    until = Until(position=then.position) if at.isdecimal() else Until(at=_time(at))
    return await agents_as_they_were(
        read.gateway.log, contract, then.agents, roles=roles, supervisors=supervisors, until=until
    )


async def facts_as_they_were(read: ReadContext, contract_id: str, at: str) -> ContractFacts:
    """What the diagnosis judges, as of then. Raises as `contract_as_it_was`."""
    contract, then = await contract_as_it_was(read, contract_id, at)
    tenant, gateway = read.principal.tenant, read.gateway
    version = at.isdecimal()
    past = Past(
        Until(position=then.position) if version else Until(at=_time(at)),
        contract.updated_at if version else _time(at),
        await gateway.agents.roles(tenant, contract_id, MAX_AGENTS),
        await gateway.agents.supervisors_of(tenant, contract_id, MAX_AGENTS),
    )
    settings = gateway.settings.contracts
    found = await past_facts(
        gateway.log, tenant, contract_id, past, auto_advance=gateway.advances, settings=settings
    )
    if found is None:
        raise unknown_contract(contract_id)
    return found


def roles_wanted(tasks: Iterable[TaskRow]) -> frozenset[str]:
    """The roles of tasks that are not done."""
    roles = (
        SUPERVISOR_ROLE if task.is_supervisor else task.role for task in tasks if task.status in UNFINISHED
    )
    return frozenset(role for role in roles if role is not None)


def _time(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid("query.at", "is neither a version nor an RFC 3339 time") from error
    if moment.tzinfo is None:
        raise invalid("query.at", "has no time zone", hint="give the time in UTC, ending with Z")
    return moment
