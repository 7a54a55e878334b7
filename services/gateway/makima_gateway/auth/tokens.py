"""Stores API tokens. Only their SHA-256 hashes are stored, so a copy of the table gives no access."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
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
from makima_schemas.refusal import Member, Refused

from makima_gateway.auth.agent_tokens import AgentIdentity
from makima_gateway.auth.open_connections import OpenConnections
from makima_gateway.auth.policy import Role

SQL: Final = named(Path(__file__).with_suffix(".sql"))
# the owner of contracts that an administrator without an owner of its own creates
LOCAL_OWNER: Final = "local"
BOOTSTRAP: Final = "settings"  # `created_by` of the administrator's token that the settings name
REVOCATION_POLL_SECONDS: Final = 1.0  # between two checks whether the token of an open stream was revoked

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Token:
    """A stored token, without its secret, which only the bearer has."""

    number: int  # ascending in order of creation; the key of list pages
    id: str
    tenant: str
    role: Role
    owner: str | None  # null: a daemon's token that works for the contracts of any owner
    daemon_id: str | None  # of a daemon; of an agent: the daemon that made it, if one did
    created_at: datetime
    created_by: str  # the creator's `actor`, or `settings`
    revoked_at: datetime | None  # null: valid, until `expires_at`
    expires_at: datetime | None  # null: has no end
    last_used_at: datetime | None  # to a minute; null: never
    # Set exactly for the role agent: what it speaks for. Its `daemon_id` is that of the daemon that made it.
    contract_id: str | None = None
    agent_role: str | None = None
    connection_id: str | None = None

    @property
    def agent(self) -> AgentIdentity | None:
        if self.contract_id is None or self.agent_role is None or self.connection_id is None:
            return None
        return AgentIdentity(self.contract_id, self.agent_role, self.connection_id, self.daemon_id)


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token to be created. Members as in `Token`."""

    id: str
    tenant: str
    role: Role
    owner: str | None
    daemon_id: str | None
    created_by: str
    expires_at: datetime | None = None


class Tokens:
    """The table of tokens.

    It is read at each request and not cached, so a revocation applies from the next request.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._open = OpenConnections()  # monitor connections, by token id
        self._used: set[str] = set()  # ids of the tokens that were used since `run` last noted it

    async def find(self, secret: str) -> Token | None:
        """The valid token with this secret; None if there is none, or it is revoked or has expired."""
        record = await self._pool.fetchrow(SQL["find"], hash_of(secret))
        if record is None:
            return None
        token = token_of(cast("Record", record))
        self.note_used(token.id)
        return token

    def note_used(self, token_id: str) -> None:
        """`last_used_at` follows within `REVOCATION_POLL_SECONDS`."""
        self._used.add(token_id)

    async def create(self, wanted: Wanted, secret: str) -> Token | None:
        """The created token.

        None if one with this id exists: its secret was shown once and cannot be repeated.
        """
        arguments = (
            wanted.id,
            wanted.tenant,
            hash_of(secret),
            wanted.role,
            wanted.owner,
            wanted.daemon_id,
            wanted.created_by,
            wanted.expires_at,
        )
        record = await self._pool.fetchrow(SQL["create"], *arguments)
        return None if record is None else token_of(cast("Record", record))

    async def ensure_admin(self, secret_hash: bytes) -> bool:
        """Insert an administrator's token, given the hash of its secret; True if it is new.

        If the same token was revoked before, it stays revoked.
        """
        return (
            await self._pool.fetchval(
                SQL["ensure_admin"],
                secret_hash.hex()[:16],
                DEFAULT_TENANT,
                secret_hash,
                LOCAL_OWNER,
                BOOTSTRAP,
            )
            is not None
        )

    async def page(self, tenant: str, after: int, limit: int) -> list[Token]:
        """At most `limit` tokens with a number above `after`, oldest first, including revoked ones."""
        return [
            token_of(cast("Record", record))
            for record in await self._pool.fetch(SQL["page"], tenant, after, limit)
        ]

    async def revoke(self, tenant: str, token_id: str) -> Token | None:
        """The token that this call revoked; None if it was revoked before.

        Raises `NOT_FOUND`, and `INVALID_TRANSITION` for the last administrator's token, as nobody could
        create tokens without it.
        """
        async with self._pool.acquire() as connection, connection.transaction():
            # The query locks the rows: else two revocations at once could each see the other's token as the
            # remaining one.
            admins = [row["id"] for row in await connection.fetch(SQL["admins"], tenant)]
            if admins == [token_id]:
                raise Refused(
                    ErrorCode.INVALID_TRANSITION,
                    "this is the last token with the role admin",
                    hint="create another one first: makima token create --role admin",
                    **cast("dict[str, Member]", {"from": "in_force", "to": "revoked", "allowed": []}),
                )
            record = await connection.fetchrow(SQL["revoke"], tenant, token_id)
            if record is None and not await connection.fetchval(SQL["exists"], tenant, token_id):
                raise Refused(
                    ErrorCode.NOT_FOUND, f"there is no token {token_id}", hint="GET /tokens lists them"
                )
        return None if record is None else token_of(cast("Record", record))

    async def revoked(self, token_ids: Collection[str]) -> list[str]:
        """Those of the tokens that are no longer valid, or never were."""
        rows = cast("Sequence[Record]", await self._pool.fetch(SQL["revoked"], list(token_ids)))
        return [str(row["id"]) for row in rows]

    async def until_revoked(self, token_id: str) -> None:
        """Returns when the token is revoked or expires; used by open monitor connections."""
        await self._open.until_ended(token_id)

    async def run(self) -> None:
        """Until cancelled: every `REVOCATION_POLL_SECONDS`, one query for the tokens of all open connections,
        and one that notes which tokens were used.

        An error of the database is skipped: while it is unreachable, no token can be revoked either.
        """
        while True:
            await asyncio.sleep(REVOCATION_POLL_SECONDS)
            try:
                used, self._used = list(self._used), set[str]()
                if used:
                    await self._pool.execute(SQL["used"], used)
                revoked = await self.revoked(ids) if (ids := self._open.ids) else []
            except DATABASE_UNAVAILABLE:
                continue
            self._open.end(revoked)


def token_of(record: Record) -> Token:
    """The token in a row of the statements that return one."""
    members = dict(record)
    members["role"] = Role(cast("str", members["role"]))
    return Token(**members)  # pyright: ignore[reportArgumentType] - the statements return its members by name
