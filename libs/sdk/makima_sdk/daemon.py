"""The client of a daemon, the process on a machine that runs agents: heartbeats out, signals in."""

import asyncio
import logging
import socket
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, suppress
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
from makima_schemas.identity import is_id
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError

from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.heartbeater import DEFAULT_INTERVAL_SECONDS, Heartbeater
from makima_sdk.http import Http
from makima_sdk.nats import connect
from makima_sdk.ordered_tasks import OrderedTasks
from makima_sdk.problems import UnreachableError
from makima_sdk.signals import Signal

NOT_STARTED: Final = {"accepted": False, "reason": "this daemon starts no agents when it is asked"}
_logger: Final = logging.getLogger(__name__)
# The ids that a signal names, by kind; without them it is ignored. `sync` and `interval` are for the daemon.
REQUIRED_IDS: Final[Mapping[str, tuple[str, ...]]] = {
    "rejoin_required": ("contract_id",),
    "superseded": ("contract_id",),
    "start": ("contract_id",),
    "restart": ("contract_id",),
    "cleanup_worktrees": ("contract_id",),
}


Answer = Mapping[str, object]
Handler = Callable[[Signal], Awaitable[Answer | None]]


class Daemon:
    """A connected daemon. Use it as an async context manager: it sends heartbeats from entry to exit.

    ```python
    async with Daemon("laptop-1", Connection.default()) as daemon:
        daemon.on("cleanup_worktrees", remove_worktrees)
        daemon.report(agents=("c1:supervisor",), worktrees=1, capacity=3)
        contract = await daemon.contracts.get("c1")
    ```

    HTTP and NATS reconnect by themselves after an outage. To NATS it logs in with its id and its token, unless
    the connection's `nats_url` carries credentials. `capacity` is the number of agents that the
    daemon can still take. `interval` is the time between heartbeats in seconds.

    Raises `ValueError` for an id or a value that the recorder would reject: rejected heartbeats do not count,
    so that the daemon would be recorded as disconnected. Raises `UnreachableError` on entry if NATS does not
    answer.
    """

    def __init__(
        self,
        daemon_id: str,
        connection: Connection,
        *,
        hostname: str | None = None,
        interval: float = DEFAULT_INTERVAL_SECONDS,
    ) -> None:
        self.id = daemon_id
        self.hostname = hostname or socket.gethostname() or daemon_id
        self._connection = connection
        self._interval = interval
        self._agents: tuple[str, ...] = ()  # ids of the running agents
        self._worktrees = 0  # number of worktrees on this machine
        self._capacity = 0
        self._handlers: dict[str, Handler] = {}  # by signal kind
        self._handling = OrderedTasks()  # signals, in order by contract
        self._owned = AsyncExitStack()  # what `__aexit__` closes: HTTP, NATS, heartbeat task
        self._check((), 0, 0)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self.http = await opening.enter_async_context(Http(self._connection.url, self._connection.token))
            self.contracts = Contracts(self.http)
            await self._connect()
            opening.push_async_callback(self._close)
            opening.push_async_callback(self._handling.close)
            self._heart = Heartbeater(
                self.nats, subjects.daemon_heartbeat(self.id), self._compose, interval=self._interval
            )
            beating = asyncio.create_task(self._live(), name=f"heart of {self.id}")
            opening.push_async_callback(_end, beating)
            self._owned = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._owned.__aexit__(kind, error, trace)

    def on(self, kind: str, handler: Handler) -> None:
        """Call `handler` for each signal of `kind`. Its return value is sent as the reply if the sender
        requested one. The signals of one contract are handled one after another, and those of others meanwhile. A signal
        without the ids of `REQUIRED_IDS` is ignored, and logged.
        """
        self._handlers[kind] = handler

    def report(self, *, agents: tuple[str, ...], worktrees: int, capacity: int) -> None:
        """Set what the next heartbeats contain; a change is sent at once. Raises `ValueError` for a value
        that is out of bounds, and then changes nothing.
        """
        if (agents, worktrees, capacity) != (self._agents, self._worktrees, self._capacity):
            self._check(agents, worktrees, capacity)
            self._agents, self._worktrees, self._capacity = agents, worktrees, capacity
            self._heart.beat_now()

    async def beat(self) -> bool:
        """Send a heartbeat now and wait until the broker has it: the last one, for example. False if it was not
        sent.
        """
        return await self._heart.beat()

    @property
    def interval(self) -> float:
        """Seconds between heartbeats. A new value counts from the next heartbeat on."""
        return self._heart.interval

    @interval.setter
    def interval(self, seconds: float) -> None:
        self._interval = self._heart.interval = seconds

    async def _connect(self) -> None:
        token = self._connection.token
        self.nats: Client = await connect(
            self._connection.nats_url,
            f"daemon {self.id}",
            inbox=permissions.inbox(self.id),
            login=None if token is None else (self.id, token),
        )
        await self.nats.subscribe(subjects.daemon_signal(self.id, "*"), cb=self._on_signal)
        # Wait until the subscription exists: signals may come as soon as the daemon is seen to be connected.
        # Twice, as nats-py sends the first PING ahead of what is still in its buffer. Failure means an outage,
        # after which nats-py subscribes again.
        with suppress(NatsError, TimeoutError):
            await self.nats.flush(timeout=2)
            await self.nats.flush(timeout=2)

    async def _close(self) -> None:
        await self.nats.close()

    async def _live(self) -> None:
        """Send heartbeats. If the broker closes the connection for good (for example after a message over its
        size limit), open a new one.
        """
        while True:
            with suppress(ConnectionClosedError):
                await self._heart.run()
            with suppress(UnreachableError):
                await self._connect()
                self._heart.nats = self.nats

    async def _on_signal(self, message: Msg) -> None:
        signal = Signal(message.subject.rsplit(".", 1)[-1], _body(message.data))
        handler = self._handlers.get(signal.kind)
        if handler is None:
            if signal.kind == "start" and message.reply:  # who asks is not to wait for the next daemon's turn
                await message.respond(orjson.dumps(NOT_STARTED))
            return
        missing = [name for name in REQUIRED_IDS.get(signal.kind, ()) if not _is_id(signal.body.get(name))]
        if missing:
            _logger.warning("a signal %s without %s is ignored", signal.kind, ", ".join(missing))
            return
        # Not here: the subscription hands over one message at a time, and a slow handler would hold up all others.
        about = str(signal.body.get("contract_id", ""))
        self._handling.add(about, lambda: _handle(handler, signal, message))

    def _compose(self, seq: int, timestamp: datetime) -> DaemonHeartbeat:
        return DaemonHeartbeat(
            self.id, self.hostname, seq, timestamp, self._agents, self._worktrees, self._capacity
        )

    def _check(self, agents: tuple[str, ...], worktrees: int, capacity: int) -> None:
        """Validate as the recorder does: encode a heartbeat and decode it. Raises `ValueError`."""
        heartbeat = DaemonHeartbeat(self.id, self.hostname, 1, datetime.now(UTC), agents, worktrees, capacity)
        decode_daemon(self.id, msgspec.json.encode(heartbeat), None)


async def _handle(handler: Handler, signal: Signal, message: Msg) -> None:
    answer = await _answered(handler, signal)
    if message.reply:
        with suppress(NatsError):  # the connection is closed: who asked asks again
            await message.respond(answer)


async def _answered(handler: Handler, signal: Signal) -> bytes:
    """The handler's result as a reply. If the handler raises, reply with a problem: nats-py would only report
    the exception locally, and the sender would wait until its timeout.
    """
    try:
        return orjson.dumps(dict(await handler(signal) or {}))
    except Exception as error:
        _logger.exception("the handler of the signal %s failed", signal.kind)
        return encode_reply(
            Problem(
                ErrorCode.UNAVAILABLE,
                f"the daemon failed to handle the signal: {type(error).__name__}",
                "ask again",
            )
        )


async def _end(task: asyncio.Task[None]) -> None:
    """Cancel the heartbeat task and raise its error, if it failed. A task group is not used, because it would
    wrap exceptions of the caller's block in an exception group.
    """
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task


def _is_id(value: object) -> bool:
    return isinstance(value, str) and is_id(value)


def _body(data: bytes) -> Mapping[str, object]:
    """The message as a JSON object; an empty one if it is anything else, as the kind alone may be enough."""
    try:
        value: object = orjson.loads(data) if data else {}
    except orjson.JSONDecodeError:
        value = {}
    return cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
