"""Daemons' logins to the broker: the token is the password, checked in the database at each login. A token that
was revoked, or has expired, ends its connections.
"""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.nats.auth_callout import AuthCallout, CredentialsUnavailableError, Login
from makima_kernel.nats.issuer import Issuer
from makima_kernel.service.settings import Settings

from makima_gateway.auth.policy import Role
from makima_gateway.auth.tokens import Tokens

NO_AUTHENTICATOR: Final = "gateway.daemons_not_authenticated"


def nats_user(daemon_id: str, token_id: str) -> str:
    """The user name under which the broker lists a daemon's connection; daemons may also log in with it."""
    return f"{daemon_id}.{token_id}"


class BrokerLogins:
    """Without `nats_issuer_seed_file` the broker does not ask the gateway: it has users of its own, or none, so
    that a daemon's token comes without a login.
    """

    def __init__(self, tokens: Tokens, settings: Settings) -> None:
        """Raises `ValueError` if the file has no seed, and `OSError` if it cannot be read."""
        self._tokens = tokens
        self._callout: AuthCallout | None = None
        if settings.nats_issuer_seed_file is not None:
            issuer = Issuer(settings.nats_issuer_seed_file.read_text())
            self._callout = AuthCallout(settings.nats_url, issuer, self._login, self._revoked)

    def user(self, daemon_id: str, token_id: str) -> str | None:
        """The NATS user of a new token, whose password is the token; None if the broker has its own users."""
        return None if self._callout is None else nats_user(daemon_id, token_id)

    async def run(self) -> None:
        """Answers the broker until cancelled."""
        if self._callout is None:
            structlog.get_logger().info(NO_AUTHENTICATOR)
            return
        await self._callout.run()

    async def ready(self) -> str | None:
        """None if the broker gets its answers; else the reason, for `/healthz`."""
        return None if self._callout is None else await self._callout.ready()

    async def cut_off_revoked(self) -> None:
        """Ends the connections of revoked and expired tokens, now or as soon as the broker can be reached."""
        if self._callout is not None:
            await self._callout.cut_off_revoked()

    async def _login(self, user: str, password: str) -> Login | None:
        with _database():
            token = await self._tokens.find(password)
        if token is None or token.role is not Role.DAEMON or token.daemon_id is None:
            return None
        name = nats_user(token.daemon_id, token.id)
        return Login(name, token.daemon_id) if user in {token.daemon_id, name} else None

    async def _revoked(self, names: Collection[str]) -> Collection[str]:
        tokens = {name.rpartition(".")[2]: name for name in names}
        with _database():
            return [tokens[token_id] for token_id in await self._tokens.revoked(tokens.keys())]


@contextmanager
def _database() -> Generator[None]:
    """Says in the words of the callout that the database is unavailable."""
    try:
        yield
    except DATABASE_UNAVAILABLE as error:
        raise CredentialsUnavailableError(f"{type(error).__name__}: {error}") from error
