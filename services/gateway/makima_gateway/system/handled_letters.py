"""What became of dead letters that were sent again or deleted under an idempotency key: a repeat gets the first answer."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal
from uuid import UUID

import asyncpg
from makima_kernel.event_log.named_sql import named
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

SQL: Final = named(Path(__file__).with_suffix(".sql"))


Outcome = Literal["retried", "deleted"]


@dataclass(frozen=True, slots=True)
class Handled:
    """Letter `letter` was sent again, and lies at `sequence` of `stream`; or it was deleted."""

    letter: int
    outcome: Outcome
    stream: str | None = None
    sequence: int | None = None


class HandledLetters:
    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def find(self, tenant: str, command_id: UUID, letter: int, outcome: Outcome) -> Handled | None:
        """What was noted under this id; None: nothing yet.

        Raises `IDEMPOTENCY_KEY_REUSED` if that was another request.
        """
        row = await self._pool.fetchrow(SQL["find"], tenant, command_id)
        if row is None:
            return None
        first = Handled(**row)
        if (first.letter, first.outcome) != (letter, outcome):
            raise Refused(
                ErrorCode.IDEMPOTENCY_KEY_REUSED,
                f"this key was already used for dead letter {first.letter}, which was {first.outcome}",
                hint="use a new key for a different request",
            )
        return first

    async def note(self, tenant: str, command_id: UUID, handled: Handled) -> None:
        """Before the letter is deleted: whoever repeats the request finds either of them."""
        await self._pool.execute(SQL["forget_old"])
        values = (handled.letter, handled.outcome, handled.stream, handled.sequence)
        await self._pool.execute(SQL["note"], tenant, command_id, *values)
