"""The tokens: who has one, as which role. Only hashes are kept, so what is in the database opens nothing."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, cast

import asyncpg
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.permissions import DaemonUser
from makima_schemas.refusal import Member, Refused

from makima_gateway.auth.policy import Role

SQL: Final = named(Path(__file__).with_suffix(".sql"))
LOCAL_OWNER: Final = "local"  # owns what an administrator creates who names no owner
BOOTSTRAP: Final = "settings"
REVOCATION_POLL_SECONDS: Final = 2.0

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Token:
    """A token as it is listed; the secret is known to its bearer alone. `owner` null: a daemon's that works for any owner."""

    number: int
    id: str
    tenant: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to be made."""

    id: str
    tenant: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_by: str
    nats_user: str | None = None
    nats_password_hash: str | None = None


class Tokens:
    """Looked up at each request, so that a revocation holds from the next one on."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._open: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # what is open by which token

    async def find(self, secret: str) -> Token | None:
        """The token in force with this secret."""
        record = await self._pool.fetchrow(SQL["find"], hash_of(secret))
        return None if record is None else _token(cast("Record", record))

    async def create(self, wanted: Wanted, secret: str) -> Token | None:
        """None: there is one of this id already, whose secret nobody can tell again."""
        arguments = (wanted.id, wanted.tenant, hash_of(secret), wanted.role, wanted.owner, wanted.daemon_id, wanted.created_by)
        arguments += (wanted.nats_user, wanted.nats_password_hash)
        record = await self._pool.fetchrow(SQL["create"], *arguments)
        return None if record is None else _token(cast("Record", record))

    async def ensure_admin(self, secret_hash: bytes) -> bool:
        """An administrator whose secret was made elsewhere; a revoked one stays revoked. Whether it is new."""
        return (
            await self._pool.fetchval(SQL["ensure_admin"], secret_hash.hex()[:16], DEFAULT_TENANT, secret_hash, LOCAL_OWNER, BOOTSTRAP)
            is not None
        )

    async def page(self, tenant: str, after: int, limit: int) -> list[Token]:
        """Oldest first, revoked ones, too."""
        return [_token(cast("Record", record)) for record in await self._pool.fetch(SQL["page"], tenant, after, limit)]

    async def daemons(self) -> list[DaemonUser]:
        """Whom the broker lets in."""
        return [DaemonUser(*record) for record in await self._pool.fetch(SQL["daemons"])]

    async def revoke(self, tenant: str, token_id: str) -> Token | None:
        """The token that this ended; None: it was revoked before. Raises `NOT_FOUND`, and refuses to lock everybody out."""
        async with self._pool.acquire() as connection, connection.transaction():
            admins = [row["id"] for row in await connection.fetch(SQL["admins"], tenant)]  # locked: two at once must not both find another
            if admins == [token_id]:
                raise Refused(
                    ErrorCode.INVALID_TRANSITION,
                    "this is the last token of an administrator",
                    hint="make another one first: makima token create --role admin",
                    **cast("dict[str, Member]", {"from": "in_force", "to": "revoked", "allowed": []}),
                )
            record = await connection.fetchrow(SQL["revoke"], tenant, token_id)
            if record is None and not await connection.fetchval(SQL["exists"], tenant, token_id):
                raise Refused(ErrorCode.NOT_FOUND, f"there is no token {token_id}", hint="GET /tokens lists them")
        return None if record is None else _token(cast("Record", record))

    async def until_revoked(self, token_id: str) -> None:
        """For what stays open longer than a request."""
        ended = asyncio.Event()
        self._open[token_id].add(ended)
        try:
            await ended.wait()
        finally:
            self._open[token_id].discard(ended)
            if not self._open[token_id]:
                del self._open[token_id]

    async def run(self) -> None:
        """Until cancelled: one look for all that stay open. While the database is away, nobody can have revoked anything."""
        while True:
            await asyncio.sleep(REVOCATION_POLL_SECONDS)
            try:
                revoked = await self._pool.fetch(SQL["revoked"], list(self._open)) if self._open else []
            except DATABASE_UNAVAILABLE:
                continue
            for row in cast("Sequence[Record]", revoked):
                for ended in self._open.get(str(row["id"]), ()):
                    ended.set()


def _token(record: Record) -> Token:
    members = dict(record)
    members["role"] = Role(cast("str", members["role"]))
    return Token(**members)  # pyright: ignore[reportArgumentType] - the statements return its members by name
