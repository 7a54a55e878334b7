"""Queries of the agents in the read model, and of what they are needed for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal, cast

import asyncpg
import orjson
from makima_kernel.event_log.named_sql import named
from makima_schemas.agent import PRESENT, AgentStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.read_model.queries import Visibility, escaped
from makima_gateway.read_model.rows import AgentRow, TaskRow
from makima_gateway.read_model.storage import agent_row, task_row

AgentSort = Literal["needs", "progress_at", "contract"]
AgentSortKey = tuple[Decimal, str, str, str]  # a number, a word, contract id, role
SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class AgentFilter:
    """Filters of the list of agents."""

    statuses: list[AgentStatus]  # any of these
    stuck: list[bool]  # as above
    q: str | None = None  # a text in the contract's name or in the role; case-insensitive
    daemon_id: str | None = None  # that runs the agent


class AgentQueries:
    """Each query is one statement on a pooled connection."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def one(self, tenant: str, contract_id: str, role: str) -> AgentRow | None:
        """Also one that was cleaned up, which lists leave out."""
        found = await self._all("agent", tenant, contract_id, role)
        return agent_row(found[0]) if found else None

    async def of_contract(self, tenant: str, contract_id: str, limit: int) -> list[AgentRow]:
        return [agent_row(each) for each in await self._all("agents_of_contract", tenant, contract_id, limit)]

    async def named(self, tenant: str, names: Sequence[tuple[str, str]]) -> list[AgentRow]:
        """Those of the agents, by contract and role, that are known."""
        if not names:
            return []
        found = await self._all(
            "agents_named", tenant, [contract for contract, _ in names], [role for _, role in names]
        )
        return [agent_row(each) for each in found]

    async def page(
        self, visibility: Visibility, wanted: AgentFilter, after: tuple[str, str], limit: int
    ) -> list[AgentRow]:
        """At most `limit` agents of visible contracts, by contract and role, after this one."""
        arguments = (wanted.statuses, wanted.stuck, *after, limit)
        owner, daemon = visibility.owner_id, visibility.daemon_id
        if daemon is not None:
            found = await self._all("agents_of_daemon", visibility.tenant, *arguments, owner, daemon)
        elif owner is not None:
            found = await self._all("agents_of_owner", visibility.tenant, *arguments, owner)
        else:
            found = await self._all("agents", visibility.tenant, *arguments)
        return [agent_row(each) for each in found]

    async def sorted_page(
        self,
        visibility: Visibility,
        wanted: AgentFilter,
        order: AgentSort,
        after: AgentSortKey | None,
        limit: int,
        *,
        search_seconds: float | None = None,
    ) -> tuple[list[tuple[AgentRow, AgentSortKey]], int]:
        """At most `limit` agents in this order, behind `after`, each with its key; and how many match, 0 on an empty
        page. Raises `TimeoutError` if it takes longer than `search_seconds`.
        """
        found = await self._all(
            "agents_sorted",
            visibility.tenant,
            wanted.statuses,
            wanted.stuck,
            limit,
            None if wanted.q is None else f"%{escaped(wanted.q)}%",
            wanted.daemon_id,
            order,
            *(after or (None, None, None, None)),
            visibility.owner_id,
            visibility.daemon_id,
            seconds=search_seconds,
        )
        keyed = [
            (
                agent_row(each),
                (
                    cast("Decimal", each["number"]),
                    cast("str", each["word"]),
                    cast("str", each["contract_id"]),
                    cast("str", each["role"]),
                ),
            )
            for each in found
        ]
        return keyed, cast("int", found[0]["total"]) if found else 0

    async def numbers(self, visibility: Visibility) -> dict[tuple[AgentStatus, bool], int]:
        """How many agents are visible, by status and whether they are stuck."""
        of = (visibility.tenant, visibility.owner_id)
        found = (
            await self._all("agent_numbers", *of)
            if visibility.daemon_id is None
            else await self._all("agent_numbers_of_daemon", *of, visibility.daemon_id)
        )
        counted = [cast("tuple[str, bool, int]", tuple(each.values())) for each in found]
        return {(AgentStatus(status), stuck): count for status, stuck, count in counted}

    async def tasks_at_work(
        self, tenant: str, rows: Sequence[AgentRow]
    ) -> dict[tuple[str, str], tuple[str, str]]:
        """By contract and connection: id and name of the task that it has claimed or works on, the oldest."""
        connections = sorted({row.connection_id for row in rows if row.connection_id is not None})
        if not connections:
            return {}
        contracts = sorted({row.contract_id for row in rows})
        found = await self._all("tasks_at_work", tenant, contracts, connections)
        tasks = [cast("tuple[str, str, str, str]", tuple(each.values())) for each in found]
        return {(contract, connection): (task, name) for contract, connection, task, name in tasks}

    async def roles(self, tenant: str, contract_id: str, limit: int) -> list[str]:
        """Also of those that were cleaned up."""
        return [
            cast("str", each["role"])
            for each in await self._all("roles_of_agents", tenant, contract_id, limit)
        ]

    async def supervisors_of(self, tenant: str, contract_id: str, limit: int) -> list[str]:
        """Task ids of every supervisor that was heard of the contract, the first one first."""
        found = await self._all("supervisors_of", tenant, contract_id, limit)
        return [cast("str", each["task_id"]) for each in found]

    async def supervisor_tasks(self, tenant: str, contract_ids: list[str]) -> dict[str, str]:
        """Contract id → task id of the supervisor that drives it."""
        if not contract_ids:
            return {}
        found = await self._all("supervisor_tasks", tenant, contract_ids)
        return {cast("str", each["id"]): cast("str", each["supervisor_task_id"]) for each in found}

    async def roles_wanted(self, tenant: str, contract_id: str) -> frozenset[str]:
        """The roles of tasks that are not done."""
        found = await self._all("roles_wanted", tenant, contract_id, SUPERVISOR_ROLE)
        return frozenset(cast("str", each["role"]) for each in found)

    async def tasks_to_take(self, tenant: str, contract_id: str, limit: int) -> list[TaskRow]:
        """Pending tasks made for a role of which no agent is there, oldest first."""
        found = await self._all("tasks_to_take", tenant, contract_id, sorted(PRESENT), limit)
        return [task_row(each) for each in found]

    async def gauges(self) -> list[tuple[str, int, int]]:
        """(agent status, number of agents, number of stuck ones)."""
        return cast(
            "list[tuple[str, int, int]]",
            [tuple(record) for record in await self._pool.fetch(SQL["gauges"])],
        )

    async def _all(
        self, name: str, *arguments: object, seconds: float | None = None
    ) -> Sequence[Mapping[str, object]]:
        found = await self._pool.fetch(SQL[name], *arguments, timeout=seconds)
        return cast("Sequence[Mapping[str, object]]", found)


def is_fenced(row: AgentRow, connection_id: str) -> bool:
    """True if a newer connection has replaced it."""
    fenced = cast("list[str]", orjson.loads(row.fenced))
    return connection_id != row.connection_id and connection_id in fenced
