"""Reads the service's tables: who runs a contract, the commands that are pending, and marking them as
answered.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.contract.model import ReturnReason, SupervisorTaskStatus

SQL: Final = named(Path(__file__).with_suffix(".sql"))


@dataclass(frozen=True, slots=True)
class PendingStart:
    """A contract to which StartContract must be sent, as its supervisor was heard."""

    tenant: str
    contract_id: str
    supervised_at: int  # the position of the event that made it pending
    traceparent: str | None  # the trace of the supervisor's event


@dataclass(frozen=True, slots=True)
class UnregisteredTask:
    """A supervisor whose task must be created in its contract by CreateTask, and then follow it."""

    tenant: str
    contract_id: str
    task_id: str
    owed_at: int  # the position of the event since which this is pending
    traceparent: str | None  # the trace of the registration
    # The daemon that runs it, if the contract may go to it: it serves the owner, and no other daemon has it. Else
    # None.
    daemon_id: str | None
    task_status: SupervisorTaskStatus  # what its task is to be


@dataclass(frozen=True, slots=True)
class PendingReturn:
    """A ReturnTasks that must be sent to a contract because of an event of one of its agents."""

    tenant: str
    contract_id: str
    role: str
    agent_version: int  # of the agent's stream, at that event
    reason: ReturnReason
    except_connection_id: str | None  # the connection that joined, and keeps what it holds
    traceparent: str | None  # the trace of the agent's event


class Queries:
    """The statements of `queries.sql`, each on a connection of the pool."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def runs(self, tenant: str, contract_id: str, daemon_id: str) -> bool:
        """True if the contract is the daemon's: assigned to it, or, with no assignment, heard from it first."""
        return bool(await self._pool.fetchval(SQL["runs"], tenant, contract_id, daemon_id))

    async def pending_starts(self, limit: int) -> list[PendingStart]:
        """Up to `limit` pending starts, the oldest first."""
        return [PendingStart(**row) for row in await self._pool.fetch(SQL["pending_starts"], limit)]

    async def mark_started(self, start: PendingStart) -> None:
        """Ends the pending state, unless a later event made the start pending again."""
        await self._pool.execute(SQL["mark_started"], start.tenant, start.contract_id, start.supervised_at)

    async def unregistered(self, limit: int) -> list[UnregisteredTask]:
        """Up to `limit` supervisors whose task is to be created, the oldest first."""
        return [UnregisteredTask(**row) for row in await self._pool.fetch(SQL["unregistered"], limit)]

    async def mark_registered(self, supervisor: UnregisteredTask) -> None:
        """Ends the pending state, unless a later event made the task pending again."""
        await self._pool.execute(
            SQL["mark_registered"],
            supervisor.tenant,
            supervisor.contract_id,
            supervisor.task_id,
            supervisor.owed_at,
        )

    async def role_of(self, tenant: str, contract_id: str, connection_id: str) -> str | None:
        """The role under which the connection joined the contract; None if it never did."""
        return cast(
            "str | None", await self._pool.fetchval(SQL["role_of"], tenant, contract_id, connection_id)
        )

    async def pending_returns(self, limit: int) -> list[PendingReturn]:
        """Up to `limit` pending returns of tasks, the oldest first."""
        return [PendingReturn(**row) for row in await self._pool.fetch(SQL["pending_returns"], limit)]

    async def mark_returned(self, pending: PendingReturn) -> None:
        """Ends the pending state."""
        await self._pool.execute(
            SQL["mark_returned"], pending.tenant, pending.contract_id, pending.role, pending.agent_version
        )

    async def daemon_of(self, tenant: str, contract_id: str) -> str | None:
        """The daemon that has the contract; None if none has."""
        return cast("str | None", await self._pool.fetchval(SQL["daemon_of"], tenant, contract_id))
