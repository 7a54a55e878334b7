"""A broker with accounts and users, embedded as `makima up` runs it, and a gateway's part of the logins: daemons
whose password is `PASSWORD` come in.
"""

from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

import nats
from makima_kernel.nats.auth_callout import AuthCallout, Login
from makima_kernel.nats.issuer import Issuer
from makima_kernel.nats.users import as_user
from makima_kernel.testing import eventually
from makima_local.nats import Nats
from makima_local.nats_users import NatsUsers
from makima_schemas import permissions
from nats.aio.client import Client

from tests.background import running

PASSWORD: Final = "a-daemon's-password"


@dataclass
class Authority:
    """Who is let in; tests revoke by adding to `revoked`."""

    callout: AuthCallout
    revoked: set[str] = field(default_factory=set[str])

    @classmethod
    def of(cls, url: str, issuer: Issuer) -> "Authority":
        """`url`: the gateway's."""
        made: Authority

        async def authenticate(user: str, password: str) -> Login | None:
            return Login(user, user) if password == PASSWORD and user not in made.revoked else None

        async def revoked(names: Collection[str]) -> Collection[str]:
            return made.revoked.intersection(names)

        made = cls(AuthCallout(url, issuer, authenticate, revoked))
        return made


@dataclass(frozen=True)
class GuardedBroker:
    server: Nats
    authority: Authority

    def url(self, user: str) -> str:
        """Of a service's user, or of the daemon of that name."""
        if user in permissions.USERS:
            return self.server.url_of(user)
        if user in permissions.SYSTEM:
            return as_user(self.server.url_of(permissions.GATEWAY), user)
        return f"nats://{user}:{PASSWORD}@127.0.0.1:{self.server.port}"

    @asynccontextmanager
    async def connected(self, user: str, refused: list[str] | None = None) -> AsyncGenerator[Client]:
        """A connection; what it is refused is noted."""

        async def note(error: Exception) -> None:
            if refused is not None:
                refused.append(str(error))

        client = await nats.connect(
            self.url(user), error_cb=note, inbox_prefix=permissions.inbox(user), allow_reconnect=False
        )
        try:
            yield client
        finally:
            await client.close()


@asynccontextmanager
async def guarded_broker(server_folder: Path) -> AsyncGenerator[GuardedBroker]:
    folder = server_folder / f"nats-{uuid4().hex[:8]}"
    folder.mkdir(mode=0o700)
    users = NatsUsers(folder)
    server = Nats(folder, tied=True, users=users)
    await server.start()
    try:
        authority = Authority.of(server.url_of(permissions.GATEWAY), users.issuer())
        async with running(authority.callout.run()):
            await answering(authority.callout)
            yield GuardedBroker(server, authority)
    finally:
        await server.stop()


async def answering(callout: AuthCallout) -> None:
    """Returns when the broker gets its answers."""

    async def ready() -> bool:
        return await callout.ready() is None

    await eventually(ready)
