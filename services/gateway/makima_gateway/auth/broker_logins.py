"""Creates and removes a NATS user for each daemon token, if makima manages the broker's users."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.credentials import new_secret
from makima_kernel.nats.accounts import BrokerUsers, password_hash
from makima_kernel.nats.connection import BrokerUnreachableError, connect, ignore_close
from makima_kernel.nats.users import NotReadError, as_user, reload_configuration
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from nats.errors import Error as NatsError

from makima_gateway.auth.tokens import Tokens

LOGIN_TIMEOUT_SECONDS: Final = 5.0  # how long `wait_until_accepted` waits for a new user's first login
LOGIN_POLL_SECONDS: Final = 0.05  # between two attempts to log in
RELOAD_RETRY_SECONDS: Final = 1.0  # between two requests to reload, while the broker has not reloaded


@dataclass(frozen=True, slots=True)
class Login:
    """A new NATS user for a daemon."""

    user: str  # <daemon id>.<token id>
    password: str  # shown once, in the answer that carries the token; not stored
    password_hash: str  # bcrypt; stored with the token and written to the broker's configuration


class BrokerLogins:
    """`folder` null: the broker is external, so makima creates no NATS user for a daemon token."""

    def __init__(self, tokens: Tokens, nats_url: str, folder: Path | None) -> None:
        self._tokens = tokens
        self._url = nats_url
        self._users = None if folder is None else BrokerUsers(folder)
        self._lock = asyncio.Lock()  # held while the users are written and the broker reloads them
        # why the broker has not loaded the written users; None: it has loaded them
        self._reload_error: str | None = None
        self._reload_pending = asyncio.Event()  # set while a reload is still owed

    def new(self, daemon_id: str, token_id: str) -> Login | None:
        """A NATS user for this token, accepted only after `refresh`; None if the broker is external.

        Each token has a user of its own, so that one of a daemon's tokens can be revoked while another stays
        valid.
        """
        if self._users is None:
            return None
        password = new_secret()
        return Login(f"{daemon_id}.{token_id}", password, password_hash(password))

    async def refresh(self) -> None:
        """Write the users of all valid tokens and reload the broker, which disconnects the revoked ones.

        If the broker cannot be reached now, `run` retries until it has reloaded.
        """
        if self._users is None:
            return
        # else a refresh could overwrite the newer list of another one with its older list
        async with self._lock:
            daemons = await self._tokens.daemons()
            await asyncio.to_thread(self._users.let_in, daemons)
            structlog.get_logger().info("nats.users_written", daemons=len(daemons))
            await self._reload_broker()

    async def run(self) -> None:
        """Until cancelled: repeat a failed reload each `RETRY_SECONDS`.

        Without this, a revoked daemon would stay connected if the broker was busy at the time of the
        revocation.
        """
        while True:
            raise_if_cancelled()
            await self._reload_pending.wait()
            await asyncio.sleep(RELOAD_RETRY_SECONDS)
            async with self._lock:
                if self._reload_error is not None:
                    await self._reload_broker()

    async def ready(self) -> str | None:
        """None if the broker has loaded the users that were written last; else the reason, for `/readyz`."""
        return (
            None
            if self._reload_error is None
            else f"the broker has not loaded its current users: {self._reload_error}"
        )

    async def wait_until_accepted(self, login: Login) -> None:
        """Returns when the broker accepts the login. Raises `UNAVAILABLE` after `WORKS_WITHIN_SECONDS`."""
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT_SECONDS):
                while True:
                    if await self._accepts(login):
                        return
                    await asyncio.sleep(LOGIN_POLL_SECONDS)
        except TimeoutError as error:
            detail = "the token was created, but the broker does not accept the daemon's login yet"
            raise Refused(
                ErrorCode.UNAVAILABLE,
                detail,
                hint="check the broker's log, then revoke the token and create another",
            ) from error

    async def _reload_broker(self) -> None:
        try:
            await reload_configuration(self._url)
        except NotReadError as error:
            self._reload_error = str(error)
            self._reload_pending.set()
            structlog.get_logger().warning("nats.reload_failed", reason=self._reload_error)
        else:
            self._reload_error = None
            self._reload_pending.clear()

    async def _accepts(self, login: Login) -> bool:
        """True if a connection with this login succeeds."""
        try:
            connection = await connect(
                as_user(self._url, login.user, login.password),
                "a new daemon",
                on_closed=ignore_close,
                timeout=1.0,
            )
        except (BrokerUnreachableError, NatsError, OSError):
            return False
        await connection.close()
        return True
