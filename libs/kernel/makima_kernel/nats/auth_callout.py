"""Answers a broker's auth callouts: it asks about every login that its configuration does not know, and a daemon
is let in while its credentials are valid. Connections whose credentials were revoked are ended.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import structlog
from makima_schemas import permissions
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError
from nats.errors import TimeoutError as NatsTimeoutError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.accounts import DAEMONS
from makima_kernel.nats.connection import (
    BrokerUnreachableError,
    confirm_subscriptions,
    connect,
    ignore_close,
)
from makima_kernel.nats.issuer import Issuer, decode_callout
from makima_kernel.nats.users import as_user
from makima_kernel.waiting import wait_with_timeout

SUBJECT: Final = "$SYS.REQ.USER.AUTH"
CONNECT_TIMEOUT_SECONDS: Final = 2.0
LOGINS_AT_ONCE: Final = 32  # each is a query to the database
CHECK_SECONDS: Final = 10.0  # between two looks at who is connected
BROKER_RETRY_SECONDS: Final = 1.0  # after a look that failed
CONNECTIONS_PER_PAGE: Final = 1024
SERVER_REPLY_SECONDS: Final = 2.0  # for the first server of the cluster that answers
OTHERS_REPLY_SECONDS: Final = 0.2  # for each further one
UNAVAILABLE: Final = "the credentials could not be checked"

_logger = structlog.get_logger(__name__)


class CredentialsUnavailableError(Exception):
    """The credentials cannot be checked now; the message says why."""


@dataclass(frozen=True, slots=True)
class Login:
    """Whom credentials let in."""

    name: str  # under which the broker lists the connection; it tells the credentials
    daemon_id: str


Authenticate = Callable[[str, str], Awaitable[Login | None]]
Revoked = Callable[[Collection[str]], Awaitable[Collection[str]]]


class _Connection(msgspec.Struct, frozen=True):
    cid: int
    authorized_user: str = ""


class _Page(msgspec.Struct, frozen=True):
    total: int = 0
    offset: int = 0
    connections: list[_Connection] = []


class _ServerId(msgspec.Struct, frozen=True):
    id: str


class _Connz(msgspec.Struct, frozen=True):
    """A server's answer about one page of its connections."""

    server: _ServerId
    data: _Page = _Page()


class AuthCallout:
    """`authenticate(user, password)` returns whom they let in, or None; `revoked(names)` returns those logins that
    are no longer valid. Both may raise `CredentialsUnavailableError`: then nobody is let in or cut off.
    """

    def __init__(self, url: str, issuer: Issuer, authenticate: Authenticate, revoked: Revoked) -> None:
        """`url`: with the gateway's credentials; the authenticator has the same password."""
        self._url, self._issuer = as_user(url, permissions.AUTHENTICATOR), issuer
        self._authenticate, self._revoked = authenticate, revoked
        self._connection: Client | None = None  # while callouts are answered
        self._problem: str | None = "not connected yet"
        self._logins = asyncio.Semaphore(LOGINS_AT_ONCE)
        self._due = asyncio.Event()  # set to look at once who is connected

    async def ready(self) -> str | None:
        """None if callouts are answered and revoked connections are ended; else what is wrong."""
        return None if self._problem is None else f"daemons' logins: {self._problem}"

    async def run(self) -> None:
        """Answers until cancelled."""
        while True:
            raise_if_cancelled()
            try:
                await self._serve()
            except (BrokerUnreachableError, NatsError, OSError) as error:
                self._failed(error)
                await asyncio.sleep(BROKER_RETRY_SECONDS)

    async def cut_off_revoked(self) -> None:
        """Ends the connections of revoked logins, now or, if the broker cannot be reached, as soon as it can."""
        if self._connection is None:
            return  # `run` looks as soon as it is connected
        try:
            await self._cut_off(self._connection)
        except (NatsError, OSError, CredentialsUnavailableError) as error:
            self._failed(error)
            self._due.set()
        else:
            self._problem = None

    async def _serve(self) -> None:
        connection = await connect(
            self._url, "authenticator", on_closed=ignore_close, timeout=CONNECT_TIMEOUT_SECONDS
        )
        try:
            async with asyncio.TaskGroup() as answers:

                async def answer(message: Msg) -> None:
                    answers.create_task(self._answer(message))

                await connection.subscribe(SUBJECT, queue=permissions.AUTHENTICATOR, cb=answer)
                await confirm_subscriptions(connection)
                self._connection = connection
                while not connection.is_closed:
                    self._due.clear()
                    await self.cut_off_revoked()
                    if self._problem is None:
                        await wait_with_timeout(self._due, CHECK_SECONDS)
                    else:
                        await asyncio.sleep(BROKER_RETRY_SECONDS)
        finally:
            self._connection = None
            await connection.close()

    async def _answer(self, message: Msg) -> None:
        try:
            callout = decode_callout(message.data)
        except ValueError as error:
            _logger.warning("nats.callout_undecodable", reason=str(error))
            return
        try:
            async with self._logins:
                login = await self._authenticate(callout.user, callout.password)
        except CredentialsUnavailableError as error:
            _logger.warning("nats.login_failed", reason=str(error))
            answer = self._issuer.refuse(callout, UNAVAILABLE)
        else:
            answer = (
                self._issuer.refuse(callout, "unknown or revoked credentials")
                if login is None
                else self._issuer.grant(
                    callout, name=login.name, account=DAEMONS, may=permissions.daemon(login.daemon_id)
                )
            )
        try:
            await message.respond(answer)
        except (NatsError, OSError) as error:
            _logger.warning("nats.login_failed", reason=repr(error))

    async def _cut_off(self, connection: Client) -> None:
        pages = await _connections(connection)
        names = {each.authorized_user for page in pages for each in page.data.connections}
        ended = set(await self._revoked(names)) if names else set[str]()
        kicked = [
            _kick(connection, page.server.id, each.cid)
            for page in pages
            for each in page.data.connections
            if each.authorized_user in ended
        ]
        if kicked:
            await asyncio.gather(*kicked)
            _logger.info("nats.revoked_disconnected", logins=sorted(ended), connections=len(kicked))

    def _failed(self, error: Exception) -> None:
        problem = str(error) or type(error).__name__
        if problem != self._problem:
            _logger.warning("nats.authenticator_waiting", reason=problem)
        self._problem = problem


async def _kick(connection: Client, server: str, cid: int) -> None:
    """Ends a connection. The broker does nothing for a request without a reply subject; its answer may say that
    the connection has ended by itself.
    """
    await connection.request(
        f"$SYS.REQ.SERVER.{server}.KICK", msgspec.json.encode({"cid": cid}), timeout=SERVER_REPLY_SECONDS
    )


async def _connections(connection: Client) -> Sequence[_Connz]:
    """Who is connected to the daemons' account, by pages of each server of the cluster."""
    found = await _ask(connection, "PING", 0)
    if not found:
        raise NatsTimeoutError
    for first in tuple(found):
        for offset in range(CONNECTIONS_PER_PAGE, first.data.total, CONNECTIONS_PER_PAGE):
            found += await _ask(connection, first.server.id, offset)
    return found


async def _ask(connection: Client, server: str, offset: int) -> list[_Connz]:
    """The answers of one server, or of all (`PING`), about one page."""
    body = {"auth": True, "acc": DAEMONS, "limit": CONNECTIONS_PER_PAGE, "offset": offset}
    inbox = connection.new_inbox()
    answers = await connection.subscribe(inbox)
    found: list[_Connz] = []
    try:
        await connection.publish(f"$SYS.REQ.SERVER.{server}.CONNZ", msgspec.json.encode(body), reply=inbox)
        while True:
            patience = OTHERS_REPLY_SECONDS if found else SERVER_REPLY_SECONDS
            found.append(msgspec.json.decode((await answers.next_msg(timeout=patience)).data, type=_Connz))
            if server != "PING":
                return found
    except NatsTimeoutError:
        return found
    finally:
        await answers.unsubscribe()
