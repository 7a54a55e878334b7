"""The ledger of batches: records each selected contract before its command is sent, and then the outcome."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

SQL: Final = named(Path(__file__).with_suffix(".sql"))
BATCH_LEASE_SECONDS: Final = (
    30.0  # longer than a page takes; a process that dies holds its batch up for so long
)
AFFECTED: Final = "affected"
UNCHANGED: Final = "unchanged"


@dataclass(frozen=True, slots=True)
class Selection:
    """Which contracts a batch selects."""

    statuses: Sequence[ContractStatus]
    older_than: timedelta | None
    stale: bool


@dataclass(frozen=True, slots=True)
class Candidate:
    """A selected contract."""

    contract_id: str
    target: str | None
    created_position: int = 0


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the command did to one contract."""

    contract_id: str
    outcome: str
    detail: str | None = None


class BatchLedger:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def candidates(
        self, tenant: str, wanted: Selection, before: int | None, limit: int
    ) -> list[Candidate]:
        statuses = list(wanted.statuses)
        arguments = (tenant, statuses, wanted.older_than, wanted.stale, before, limit)
        return [Candidate(*row) for row in await self._pool.fetch(SQL["candidates"], *arguments)]

    async def begin(
        self, tenant: str, command_id: UUID, request_hash: bytes, operation: str, actor: str
    ) -> bool:
        """Record the batch, unless it is recorded; True if it is finished already.

        Raises `IDEMPOTENCY_KEY_REUSED` if the batch with this id was recorded with another `request_hash`.
        """
        await self._pool.execute(SQL["forget_old"])
        row = await self._pool.fetchrow(SQL["begin"], tenant, command_id, request_hash, operation, actor)
        if row is None:  # another request made it between the two halves of the statement
            row = await self._pool.fetchrow(SQL["begin"], tenant, command_id, request_hash, operation, actor)
        assert row is not None
        if row["request_hash"] != request_hash:
            raise Refused(
                ErrorCode.IDEMPOTENCY_KEY_REUSED,
                "this key was already used for a different batch",
                hint="use a new key for a different request",
            )
        return row["finished_at"] is not None

    async def lease(self, tenant: str, command_id: UUID) -> tuple[int | None] | None:
        """Take the lease: a tuple with the `created_position` that was reached (null: none yet).

        None: another process has the lease, or the batch is finished.
        """
        row = await self._pool.fetchrow(SQL["lease"], tenant, command_id, BATCH_LEASE_SECONDS)
        return None if row is None else (row["reached"],)

    async def finished(self, tenant: str, command_id: UUID) -> bool:
        return await self._pool.fetchval(SQL["finished"], tenant, command_id) is True

    async def plan(self, tenant: str, command_id: UUID, page: Sequence[Candidate]) -> None:
        ids, targets = [one.contract_id for one in page], [one.target for one in page]
        await self._pool.execute(
            SQL["plan"], tenant, command_id, ids, targets, page[-1].created_position, BATCH_LEASE_SECONDS
        )

    async def planned(self, tenant: str, command_id: UUID, limit: int) -> list[Candidate]:
        return [Candidate(*row) for row in await self._pool.fetch(SQL["planned"], tenant, command_id, limit)]

    async def record(self, tenant: str, command_id: UUID, outcomes: Sequence[Outcome], position: int) -> None:
        columns = (
            [one.contract_id for one in outcomes],
            [one.outcome for one in outcomes],
            [one.detail for one in outcomes],
        )
        await self._pool.execute(SQL["record"], tenant, command_id, *columns, position, BATCH_LEASE_SECONDS)

    async def finish(self, tenant: str, command_id: UUID) -> None:
        await self._pool.execute(SQL["finish"], tenant, command_id)

    async def release(self, tenant: str, command_id: UUID) -> None:
        await self._pool.execute(SQL["release"], tenant, command_id)

    async def outcomes(self, tenant: str, command_id: UUID) -> tuple[list[Outcome], int]:
        """All outcomes but the unchanged ones, and the highest log position that the commands reached."""
        position = cast("int", await self._pool.fetchval(SQL["position"], tenant, command_id))
        return [
            Outcome(*row) for row in await self._pool.fetch(SQL["outcomes"], tenant, command_id)
        ], position
