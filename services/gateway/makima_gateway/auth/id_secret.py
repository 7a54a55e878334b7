"""The secret with which the ids of new contracts, tasks, questions, messages and tokens are made.

An id is derived from the command's id, so that a repeat creates nothing twice. Without a secret, whoever knows
or guesses an idempotency key could compute it.
"""

import hmac
import secrets
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
from makima_kernel.event_log.named_sql import named

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_SECRET_BYTES: Final = 32


class IdSecret:
    """One secret for all replicas of the gateway, kept in its database; it never changes."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    async def load(cls, pool: asyncpg.Pool) -> "IdSecret":
        """The stored secret; the first replica that asks makes it."""
        await pool.execute(SQL["ensure"], secrets.token_bytes(_SECRET_BYTES))
        return cls(cast("bytes", await pool.fetchval(SQL["secret"])))

    def new_id(self, command_id: UUID, kind: str) -> str:
        """The id of the `kind` (e.g. "task") that a command creates: the same for each repeat of the command."""
        digest = bytearray(hmac.digest(self._secret, command_id.bytes + kind.encode(), "sha256")[:16])
        # Version 8 and the variant of RFC 9562, which Python 3.11 cannot set.
        digest[6], digest[8] = digest[6] & 0x0F | 0x80, digest[8] & 0x3F | 0x80
        return str(UUID(bytes=bytes(digest)))
