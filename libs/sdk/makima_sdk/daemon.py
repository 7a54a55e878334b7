"""A daemon: the process on a machine that runs agents, beats for itself, and hears makima's signals."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from types import TracebackType
from typing import Self, cast

import orjson
from makima_schemas import subjects
from makima_schemas.heartbeat import DaemonHeartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.heart import DEFAULT_INTERVAL, Heart
from makima_sdk.http import Http
from makima_sdk.nats import connect


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
    """

    def __init__(self, daemon_id: str, connection: Connection, *, hostname: str | None = None, interval: float = DEFAULT_INTERVAL) -> None:
        self.id = daemon_id
        self.hostname = hostname or socket.gethostname()
        self._connection = connection
        self._interval = interval
        self._agents: tuple[str, ...] = ()
        self._worktrees = 0
        self._capacity = 0
        self._handlers: dict[str, Handler] = {}
        self._owned = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self.http = await opening.enter_async_context(Http(self._connection.url, self._connection.token))
            self.contracts = Contracts(self.http)
            self.nats: Client = await connect(self._connection.nats_url, f"daemon {self.id}")
            opening.push_async_callback(self.nats.close)
            await self.nats.subscribe(subjects.daemon_signal(self.id, "*"), cb=self._hear)
            self._heart = Heart(self.nats, subjects.daemon_heartbeat(self.id), self._compose, interval=self._interval)
            beating = asyncio.create_task(self._heart.run(), name=f"heart of {self.id}")
            opening.push_async_callback(_end, beating)
            self._owned = opening.pop_all()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self._owned.__aexit__(kind, error, trace)

    def on(self, kind: str, handler: Handler) -> None:
        """Call `handler` for each signal of `kind`; what it returns is sent back to the asker, if one waits for it."""
        self._handlers[kind] = handler

    def report(self, *, agents: tuple[str, ...], worktrees: int, capacity: int) -> None:
        """What the heartbeats say from now on; a change is sent at once."""
        if (agents, worktrees, capacity) != (self._agents, self._worktrees, self._capacity):
            self._agents, self._worktrees, self._capacity = agents, worktrees, capacity
            self._heart.quicken()

    async def _hear(self, message: Msg) -> None:
        signal = Signal(message.subject.rsplit(".", 1)[-1], _body(message.data))
        handler = self._handlers.get(signal.kind)
        if handler is None:
            return
        answer = await handler(signal)
        if message.reply:
            await message.respond(orjson.dumps(dict(answer or {})))

    def _compose(self, seq: int, timestamp: datetime) -> DaemonHeartbeat:
        return DaemonHeartbeat(
            daemon_id=self.id,
            hostname=self.hostname,
            seq=seq,
            timestamp=timestamp,
            agents=self._agents,
            worktrees=self._worktrees,
            capacity=self._capacity,
        )


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
