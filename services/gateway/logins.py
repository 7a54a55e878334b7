"""The broker's users for daemons: they come and go with their tokens. Of an embedded broker; one that runs elsewhere has its own."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

import structlog
from makima_kernel.bus.connection import BrokerUnreachableError, by_us, connect
from makima_schemas.credentials import new_secret
from makima_schemas.errors import Code
from makima_schemas.refusal import Refused
from nats.errors import Error as NatsError

from services.gateway.tokens import Tokens

if TYPE_CHECKING:
    from makima_local.nats_users import NatsUsers

WORKS_WITHIN_SECONDS: Final = 5.0
LOOK_SECONDS: Final = 0.05


@dataclass(frozen=True, slots=True)
class Login:
    """`password` is for the daemon alone, and shown once."""

    user: str
    password: str
    password_hash: str


class Logins:
    """`folder` null: nobody here keeps the broker's users, and a daemon's token comes without one."""

    def __init__(self, tokens: Tokens, nats_url: str, folder: Path | None) -> None:
        self._tokens = tokens
        self._url = nats_url
        self._users = None if folder is None else _users(folder)
        self._alone = asyncio.Lock()

    def new(self, daemon_id: str, token_id: str) -> Login | None:
        """Not in force before `refresh`. A user for each token, so that one can be revoked and the other stays."""
        if self._users is None:
            return None
        from makima_local.nats_users import password_hash  # noqa: PLC0415 - as below

        password = new_secret()
        return Login(f"{daemon_id}.{token_id}", password, password_hash(password))

    async def refresh(self) -> None:
        """The broker lets in whose tokens are in force, and cuts off the others."""
        if self._users is None:
            return
        async with self._alone:  # two at once must not write what the other has not read
            daemons = await self._tokens.daemons()
            await asyncio.to_thread(self._users.let_in, daemons)
        structlog.get_logger().info("nats.users_written", daemons=len(daemons))

    async def works(self, login: Login) -> None:
        """Returns when the daemon can log in: the broker reads its configuration a moment later. Raises `UNAVAILABLE`."""
        try:
            async with asyncio.timeout(WORKS_WITHIN_SECONDS):
                while True:
                    if await self._lets_in(login):
                        return
                    await asyncio.sleep(LOOK_SECONDS)
        except TimeoutError as error:
            detail = "the token is made, but the broker does not let its daemon in yet"
            raise Refused(Code.UNAVAILABLE, detail, hint="see the broker's log; revoke the token and make another") from error

    async def _lets_in(self, login: Login) -> bool:
        try:
            connection = await connect(self._of(login), "a new daemon", on_closed=by_us, timeout=1.0)
        except (BrokerUnreachableError, NatsError, OSError):
            return False
        await connection.close()
        return True

    def _of(self, login: Login) -> str:
        return f"nats://{login.user}:{login.password}@{urlsplit(self._url).netloc.rpartition('@')[2]}"


def _users(folder: Path) -> "NatsUsers":
    """Loaded where there is an embedded broker: an image of the gateway alone carries no servers."""
    from makima_local.nats_users import NatsUsers  # noqa: PLC0415

    return NatsUsers(folder)
