"""Tokens of agents: what one may do is bound to a contract, a role, and the connection that it was made for."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, cast

import asyncpg
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_schemas.agent import AgentStatus
from makima_schemas.refusal import over_quota
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.read_model.agent_queries import is_fenced
from makima_gateway.read_model.rows import AgentRow
from makima_gateway.read_model.storage import agent_row

SQL: Final = named(Path(__file__).with_suffix(".sql"))
# Of one role: while a process is replaced, the tokens of both are in force. Older ones end with a new one.
KEPT_PER_ROLE: Final = 8
CLEANUP_SECONDS: Final = 600.0

Ended = Literal["replaced", "left"]


@dataclass(frozen=True, slots=True)
class AgentIdentity:
    """Whom a token of an agent speaks for."""

    contract_id: str
    role: str
    connection_id: str  # of the process that has it
    daemon_id: str | None  # the daemon that made it; None: an owner or administrator did


@dataclass(frozen=True, slots=True)
class WantedAgentToken:
    """A token to be created."""

    id: str
    tenant: str
    owner: str  # of the contract
    agent: AgentIdentity
    created_by: str
    expires_at: datetime


def ended(agent: AgentIdentity, row: AgentRow | None) -> Ended | None:
    """Why the token's time is over; None: it is not. `row`: its agent's record; None: nobody joined yet.

    A connection that is not known yet is about to join. A supervisor never leaves: whatever it said, it may go on.
    """
    if row is None or row.connection_id is None:
        return None
    if row.connection_id != agent.connection_id:
        return "replaced" if is_fenced(row, agent.connection_id) else None
    left = row.agent_status is AgentStatus.OFFLINE and not row.hidden
    return "left" if left and agent.role != SUPERVISOR_ROLE else None


class AgentTokens:
    """Makes them, and deletes those that are over. `limit`: how many of a contract are in force at once."""

    def __init__(self, pool: asyncpg.Pool, limit: int) -> None:
        self._pool, self._limit = pool, limit

    async def create(self, wanted: WantedAgentToken, secret: str) -> bool:
        """False if one with this id exists: its secret was shown once and cannot be repeated.

        Raises `QUOTA_EXCEEDED`. The contract's tokens are locked, so that two at once do not exceed it together.
        """
        agent = wanted.agent
        contract = (wanted.tenant, agent.contract_id)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["lock"], *contract)
            await connection.execute(SQL["make_room"], *contract, agent.role, KEPT_PER_ROLE - 1)
            used = cast("int", await connection.fetchval(SQL["in_force"], *contract))
            if used >= self._limit:
                used -= await _delete_ended(connection, *contract)
            if used >= self._limit:
                raise over_quota(
                    "agent_tokens_per_contract",
                    limit=self._limit,
                    used=used,
                    detail=f"the contract has {used} tokens of agents in force, and may have {self._limit}",
                    instead="they end with their connections",
                )
            made = await connection.fetchval(
                SQL["create"],
                wanted.id,
                wanted.tenant,
                hash_of(secret),
                wanted.owner,
                agent.daemon_id,
                wanted.created_by,
                wanted.expires_at,
                agent.contract_id,
                agent.role,
                agent.connection_id,
            )
        return made is not None

    async def run(self) -> None:
        """Until cancelled: deletes those that are over, which would only fill the table."""
        while True:
            await asyncio.sleep(CLEANUP_SECONDS)
            try:
                await self.clean_up()
            except DATABASE_UNAVAILABLE:
                continue

    async def clean_up(self) -> None:
        await self._pool.execute(SQL["clean_up"])
        await self._pool.execute(SQL["clean_up_of_deleted_contracts"])


async def _delete_ended(connection: asyncpg.pool.PoolConnectionProxy, tenant: str, contract_id: str) -> int:
    """Deletes the tokens of the contract whose time is over, and tells how many these were.

    Only when their number matters: until then, whoever was replaced is told so.
    """
    tokens = {
        cast("str", each["id"]): AgentIdentity(
            contract_id, each["agent_role"], each["connection_id"], each["daemon_id"]
        )
        for each in await connection.fetch(SQL["by_connection"], tenant, contract_id)
    }
    roles = sorted({agent.role for agent in tokens.values()})
    records = await connection.fetch(SQL["agents"], tenant, contract_id, roles)
    found = map(agent_row, cast("list[Mapping[str, object]]", records))
    rows = {row.role: row for row in found}
    over = [token_id for token_id, agent in tokens.items() if ended(agent, rows.get(agent.role)) is not None]
    await connection.execute(SQL["delete"], over)
    return len(over)
