"""A daemon: the process on a machine that runs agents, beats for itself, and hears makima's signals."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Final, Self, cast

import msgspec
import orjson
from makima_schemas import permissions, subjects
from makima_schemas.commands import Problem, encode_reply
from makima_schemas.errors import ErrorCode
from makima_schemas.heartbeat import DaemonHeartbeat
from makima_schemas.heartbeat_codec import decode_daemon
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.heartbeater import DEFAULT_INTERVAL_SECONDS, Heartbeater
from makima_sdk.http import Http
from makima_sdk.nats import connect
from makima_sdk.problems import UnreachableError

_logger: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Signal:
    """What makima asks of a daemon: `kind` is one of interfaces.md's signals, `body` its JSON object."""

    kind: str
    body: Mapping[str, object]


Answer = Mapping[str, object]
Handler = Callable[[Signal], Awaitable[Answer | None]]


class Daemon:
    """A connected daemon. Use it as an async context manager; it beats from entry to exit.

    ```python
    async with Daemon("laptop-1", Connection.default()) as daemon:
        daemon.on("cleanup_worktrees", remove_worktrees)
        daemon.report(agents=("c1:supervisor",), worktrees=1, capacity=3)
        contract = await daemon.contracts.get("c1")
    ```

    Both connections come back by themselves after an outage. `capacity` counts the agents it may still start.
    Raises `ValueError` for what the recorder would set aside: a daemon that says that is called disconnected.
    """

    def __init__(
        self, daemon_id: str, connection: Connection, *, hostname: str | None = None, interval: float = DEFAULT_INTERVAL_SECONDS
    ) -> None:
        self.id = daemon_id
        self.hostname = hostname or socket.gethostname() or daemon_id
        self._connection = connection
        self._interval = interval
        self._agents: tuple[str, ...] = ()
        self._worktrees = 0
        self._capacity = 0
        self._handlers: dict[str, Handler] = {}
        self._owned = AsyncExitStack()
        self._check((), 0, 0)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self.http = await opening.enter_async_context(Http(self._connection.url, self._connection.token))
            self.contracts = Contracts(self.http)
            await self._connect()
            opening.push_async_callback(self._close)
            self._heart = Heartbeater(self.nats, subjects.daemon_heartbeat(self.id), self._compose, interval=self._interval)
            beating = asyncio.create_task(self._live(), name=f"heart of {self.id}")
            opening.push_async_callback(_end, beating)
            self._owned = opening.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._owned.__aexit__(kind, error, trace)

    def on(self, kind: str, handler: Handler) -> None:
        """Call `handler` for each signal of `kind`; what it returns is sent back to the asker, if one waits for it."""
        self._handlers[kind] = handler

    def report(self, *, agents: tuple[str, ...], worktrees: int, capacity: int) -> None:
        """What the heartbeats say from now on; a change is sent at once. Raises `ValueError` where a bound is broken."""
        if (agents, worktrees, capacity) != (self._agents, self._worktrees, self._capacity):
            self._check(agents, worktrees, capacity)
            self._agents, self._worktrees, self._capacity = agents, worktrees, capacity
            self._heart.beat_now()

    async def _connect(self) -> None:
        self.nats: Client = await connect(self._connection.nats_url, f"daemon {self.id}", inbox=permissions.inbox(self.id))
        await self.nats.subscribe(subjects.daemon_signal(self.id, "*"), cb=self._hear)
        with suppress(NatsError, TimeoutError):  # an outage just now is no failure: it subscribes again
            await self.nats.flush(timeout=2)  # who knows that we are connected may signal us

    async def _close(self) -> None:
        await self.nats.close()

    async def _live(self) -> None:
        """Beat; a connection that the broker closed for good (a message over its limit, say) is followed by a new one."""
        while True:
            with suppress(ConnectionClosedError):
                await self._heart.run()
            with suppress(UnreachableError):
                await self._connect()
                self._heart.nats = self.nats

    async def _hear(self, message: Msg) -> None:
        signal = Signal(message.subject.rsplit(".", 1)[-1], _body(message.data))
        handler = self._handlers.get(signal.kind)
        if handler is None:
            return
        answer = await _answered(handler, signal)
        if message.reply:
            await message.respond(answer)

    def _compose(self, seq: int, timestamp: datetime) -> DaemonHeartbeat:
        return DaemonHeartbeat(self.id, self.hostname, seq, timestamp, self._agents, self._worktrees, self._capacity)

    def _check(self, agents: tuple[str, ...], worktrees: int, capacity: int) -> None:
        """As the recorder will."""
        said = DaemonHeartbeat(self.id, self.hostname, 1, datetime.now(UTC), agents, worktrees, capacity)
        decode_daemon(self.id, msgspec.json.encode(said), None)


async def _answered(handler: Handler, signal: Signal) -> bytes:
    """Whatever the handler raises, its asker hears of it: nats-py would swallow it, and let the asker wait."""
    try:
        return orjson.dumps(dict(await handler(signal) or {}))
    except Exception as error:
        _logger.exception("the handler of the signal %s failed", signal.kind)
        return encode_reply(Problem(ErrorCode.UNAVAILABLE, f"the daemon could not do it: {type(error).__name__}", "ask again"))


async def _end(task: asyncio.Task[None]) -> None:
    """A heart that failed says so here. (No task group: it would wrap whatever the caller's block raises.)"""
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _body(data: bytes) -> Mapping[str, object]:
    """A signal's JSON object; anything else is an empty one: a signal's meaning is its kind."""
    try:
        value: object = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        value = {}
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
