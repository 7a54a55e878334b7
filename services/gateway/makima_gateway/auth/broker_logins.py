"""The broker's users for daemons: they come and go with their tokens. Of a broker that is ours; another has its own."""

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

LOGIN_TIMEOUT_SECONDS: Final = 5.0
LOGIN_POLL_SECONDS: Final = 0.05
RELOAD_RETRY_SECONDS: Final = 1.0


@dataclass(frozen=True, slots=True)
class Login:
    """`password` is for the daemon alone, and shown once."""

    user: str
    password: str
    password_hash: str


class BrokerLogins:
    """`folder` null: nobody here keeps the broker's users, and a daemon's token comes without one."""

    def __init__(self, tokens: Tokens, nats_url: str, folder: Path | None) -> None:
        self._tokens = tokens
        self._url = nats_url
        self._users = None if folder is None else BrokerUsers(folder)
        self._alone = asyncio.Lock()
        self._unread: str | None = None  # why the broker has not read what was written
        self._owed = asyncio.Event()

    def new(self, daemon_id: str, token_id: str) -> Login | None:
        """Not in force before `refresh`. A user for each token, so that one can be revoked and the other stays."""
        if self._users is None:
            return None
        password = new_secret()
        return Login(f"{daemon_id}.{token_id}", password, password_hash(password))

    async def refresh(self) -> None:
        """The broker lets in whose tokens are in force, and cuts off the others; where it can't be asked now, as soon as it can."""
        if self._users is None:
            return
        async with self._alone:  # two at once must not write what the other has not read
            daemons = await self._tokens.daemons()
            await asyncio.to_thread(self._users.let_in, daemons)
            structlog.get_logger().info("nats.users_written", daemons=len(daemons))
            await self._reload_broker()

    async def run(self) -> None:
        """Until cancelled: ask again while the broker has not read what was written. Who was revoked must not stay because it was busy."""
        while True:
            raise_if_cancelled()
            await self._owed.wait()
            await asyncio.sleep(RELOAD_RETRY_SECONDS)
            async with self._alone:
                if self._unread is not None:
                    await self._reload_broker()

    async def ready(self) -> str | None:
        return None if self._unread is None else f"the broker has not read who may come in: {self._unread}"

    async def wait_until_accepted(self, login: Login) -> None:
        """Returns when the daemon can log in. Raises `UNAVAILABLE`."""
        try:
            async with asyncio.timeout(LOGIN_TIMEOUT_SECONDS):
                while True:
                    if await self._accepts(login):
                        return
                    await asyncio.sleep(LOGIN_POLL_SECONDS)
        except TimeoutError as error:
            detail = "the token is made, but the broker does not let its daemon in yet"
            raise Refused(ErrorCode.UNAVAILABLE, detail, hint="see the broker's log; revoke the token and make another") from error

    async def _reload_broker(self) -> None:
        try:
            await reload_configuration(self._url)
        except NotReadError as error:
            self._unread = str(error)
            self._owed.set()
            structlog.get_logger().warning("nats.reload_failed", reason=self._unread)
        else:
            self._unread = None
            self._owed.clear()

    async def _accepts(self, login: Login) -> bool:
        try:
            connection = await connect(as_user(self._url, login.user, login.password), "a new daemon", on_closed=ignore_close, timeout=1.0)
        except (BrokerUnreachableError, NatsError, OSError):
            return False
        await connection.close()
        return True
