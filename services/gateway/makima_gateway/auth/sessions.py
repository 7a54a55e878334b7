"""Sessions of browsers: a cookie in the place of a token, and the one-time codes that open one.

A session belongs to a token: it may do what the token may, and ends with it. Only hashes are stored.
"""

import asyncio
import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, cast

import asyncpg
import structlog
from makima_kernel.credentials import hash_of
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.named_sql import named
from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_gateway.auth.open_connections import OpenConnections
from makima_gateway.auth.policy import PEOPLE
from makima_gateway.auth.tokens import REVOCATION_POLL_SECONDS, Token, Tokens, token_of

SQL: Final = named(Path(__file__).with_suffix(".sql"))
CODE_PREFIX: Final = "mc_"  # tells a one-time code from a token
CODE_LIFETIME: Final = timedelta(seconds=60)
CODES_PER_TOKEN: Final = 8  # in force; a new one ends the oldest
SESSIONS_PER_TOKEN: Final = 100  # in force; a new one ends the oldest
CLEANUP_SECONDS: Final = 600.0

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Session:
    """A signed-in browser."""

    id: str
    token: Token


@dataclass(frozen=True, slots=True)
class OpenedSession:
    """A new session; `secret` is for the cookie."""

    secret: str
    seconds: int  # until it ends


@dataclass(frozen=True, slots=True)
class OneTimeCode:
    code: str
    expires_at: datetime


def _now() -> datetime:
    return datetime.now(UTC)


class Sessions:
    """The tables of sessions and codes, read at each request: what ended applies from the next request.

    `lifetime`: of a session. `now` is the clock that codes go by.
    """

    def __init__(
        self, pool: asyncpg.Pool, tokens: Tokens, lifetime: timedelta, now: Callable[[], datetime] = _now
    ) -> None:
        self._pool, self._tokens, self._lifetime, self._now = pool, tokens, lifetime, now
        self._open = OpenConnections()

    async def new_code(self, token_id: str) -> OneTimeCode:
        """A code that opens one session of this token within `CODE_LIFETIME`."""
        code, ends = CODE_PREFIX + secrets.token_urlsafe(24), self._now() + CODE_LIFETIME
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["make_room"], token_id, CODES_PER_TOKEN - 1)
            await connection.execute(SQL["add_code"], hash_of(code), token_id, ends)
        return OneTimeCode(code, ends)

    async def sign_in(self, given: str) -> OpenedSession | None:
        """A new session for a token, or for a code that was not used yet; None if `given` is neither.

        Raises `FORBIDDEN` for a token of no person.
        """
        by = "code" if given.startswith(CODE_PREFIX) else "token"
        token = await (self._redeem(given) if by == "code" else self._tokens.find(given))
        if token is None:
            metrics.http_refused.labels("sign_in").inc()
            return None
        if token.role not in PEOPLE:
            raise Refused(
                ErrorCode.FORBIDDEN,
                f"the role {token.role} is no person's: it has no sessions",
                hint="sign in with a token of the role admin, owner or viewer",
                roles=[role for role in type(token.role) if role in PEOPLE],
            )
        session_id, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        arguments = (session_id, hash_of(secret), token.id, self._lifetime)
        async with self._pool.acquire() as connection, connection.transaction():
            await connection.execute(SQL["make_room_for_session"], token.id, SESSIONS_PER_TOKEN - 1)
            ends = await connection.fetchval(SQL["open"], *arguments)
        metrics.sessions_opened.labels(by).inc()
        _logger.info("session.opened", session_id=session_id, token_id=token.id, role=token.role, by=by)
        return OpenedSession(secret, max(1, int((cast("datetime", ends) - self._now()).total_seconds())))

    async def find(self, secret: str) -> Session | None:
        """The session with this secret; None if there is none, it is over, or its token is."""
        record = await self._pool.fetchrow(SQL["find"], hash_of(secret))
        if record is None:
            return None
        members = dict(cast("Mapping[str, object]", record))
        session_id = str(members.pop("session_id"))
        token = token_of(members)
        self._tokens.note_used(token.id)
        return Session(session_id, token)

    async def end(self, session_id: str) -> None:
        """Signs out; monitor connections that were opened with it end."""
        await self._pool.execute(SQL["end"], session_id)
        self._open.end([session_id])
        _logger.info("session.ended", session_id=session_id)

    async def ended(self, session_ids: Collection[str]) -> list[str]:
        """Those of the sessions that are over."""
        rows = cast("Sequence[Mapping[str, object]]", await self._pool.fetch(SQL["ended"], list(session_ids)))
        return [str(row["id"]) for row in rows]

    async def until_ended(self, session_id: str) -> None:
        """Returns when the session or its token ends; used by open monitor connections."""
        await self._open.until_ended(session_id)

    async def run(self) -> None:
        """Until cancelled: one query each `REVOCATION_POLL_SECONDS` for the sessions of all open connections."""
        while True:
            await asyncio.sleep(REVOCATION_POLL_SECONDS)
            ids = self._open.ids
            if not ids:
                continue
            try:
                self._open.end(await self.ended(ids))
            except DATABASE_UNAVAILABLE:
                continue

    async def clean_up_regularly(self) -> None:
        """Until cancelled: deletes what is over, which would only fill the tables."""
        while True:
            await asyncio.sleep(CLEANUP_SECONDS)
            try:
                await self._pool.execute(SQL["forget_sessions"])
                await self._pool.execute(SQL["forget_codes"], self._now())
            except DATABASE_UNAVAILABLE:
                continue

    async def _redeem(self, code: str) -> Token | None:
        """The token of a code, which ends with this; None: it is unknown, used, or over."""
        taken = await self._pool.fetchrow(SQL["take_code"], hash_of(code))
        if taken is None or taken["expires_at"] <= self._now():
            return None
        record = await self._pool.fetchrow(SQL["token"], taken["token_id"])
        return None if record is None else token_of(cast("Mapping[str, object]", record))
