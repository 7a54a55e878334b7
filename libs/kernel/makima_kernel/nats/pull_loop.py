"""Ordered reading of a stream in bulk: a callback inbox with overlapping pull requests, which finds its way back by itself."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

import orjson
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.message import Message, parse
from makima_kernel.nats.stream_cursor import EPOCH_KEY, Cursor, Target
from makima_kernel.waiting import wait_with_timeout

_PULL_EXPIRES_NS: Final = 10_000_000_000
_IDLE_HEARTBEAT_NS: Final = 1_000_000_000
_BROKER_SILENT_SECONDS: Final = 3.0  # seconds without a message or an idle heartbeat: something is gone that nobody told us about
_PULL_WAIT_SECONDS: Final = 0.25
_PULL_RETRY_SECONDS: Final = 0.05
_MAX_PULL_BYTES: Final = 16 * 1024 * 1024  # of a request: a batch of the largest events would fill the memory
_PENDING: Final = "Nats-Pending-Messages"


class PullLoop:
    """Reads one consumer of a stream, in order, never skipping; at most two batches are held or on their way.

    A lost connection, a missed idle heartbeat, a lost delivery, a deleted consumer or stream: in each case the loop makes
    its consumer again behind what it has, and goes on. `problem` says what it is waiting for (None: nothing), `lag` how
    many messages the broker still had for it, `stream_epoch` which incarnation of the stream the sequences belong to,
    `stream_end` its last sequence when its consumer was made.
    """

    def __init__(
        self,
        nats: Client,
        stream: str,
        cursor: Cursor,
        *,
        filters: tuple[str, ...] = (),
        batch: int = 2000,
        linger: float = 0.0,
        tick: float | None = None,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`linger`: seconds to wait for a batch to fill; `tick`: yield an empty batch after that many seconds of quiet."""
        self._nats = nats
        self._target = Target(nats, stream, filters)
        self._cursor = cursor
        self._batch, self._linger, self._tick, self._clock = batch, linger, tick, clock
        self._buffer: list[Message] = []
        self._wake = asyncio.Event()
        self._inbox: Subscription | None = None
        self._reconnects = 0
        self._outstanding = 0
        self._delivery = 0
        self._last = 0
        self._heard = self._yielded = clock()
        self._filling_since: float | None = None
        self._stopping = False
        self.consumer: str | None = None
        self.stream_epoch = ""
        self.stream_end = 0
        self.problem: str | None = f"{stream} is not being read yet"
        self.lag = 0

    def stop(self) -> None:
        """Ends `batches()` once what has arrived is handed out."""
        self._stopping = True
        self._wake.set()

    async def batches(self) -> AsyncGenerator[list[Message]]:
        """Up to `batch` messages at a time, without end. Raises `ConnectionClosedError` where the connection is closed for good."""
        self._heard = self._yielded = self._clock()
        try:
            while not self._stopping or self._buffer:
                raise_if_cancelled()
                if not self._stopping:
                    await self._tend()
                if self._is_due():
                    taken, self._buffer = self._buffer[: self._batch], self._buffer[self._batch :]
                    self._filling_since = None
                    self._yielded = self._clock()
                    yield taken
                    continue
                await self._rest()
        finally:
            await self._close()

    def _is_due(self) -> bool:
        now = self._clock()
        if not self._buffer:
            return self._tick is not None and now - self._yielded >= self._tick
        if self._filling_since is None:
            self._filling_since = now
        return len(self._buffer) >= self._batch or self._stopping or now - self._filling_since >= self._linger

    async def _rest(self) -> None:
        waits = [_PULL_WAIT_SECONDS if not self._buffer else self._linger, _PULL_WAIT_SECONDS if self._tick is None else self._tick]
        self._wake.clear()
        await wait_with_timeout(self._wake, min(waits))

    async def _tend(self) -> None:
        """Keeps requests on their way, and the consumer in existence."""
        if self._nats.is_closed:
            raise ConnectionClosedError
        if not self._nats.is_connected:
            self.problem = "the broker is away"
            return
        try:
            if self._nats.stats["reconnects"] != self._reconnects:
                self.consumer = None
            if self.consumer is not None and self._outstanding > 0 and self._clock() - self._heard > _BROKER_SILENT_SECONDS:
                await self._look()
            if self.consumer is None and self._buffer:
                return  # first hand out what came before: it may belong to another incarnation of the stream
            if self.consumer is None:
                await self._open()
            if self._outstanding + len(self._buffer) <= self._batch:
                await self._request()
        except (NatsError, OSError, TimeoutError) as error:
            self.problem = f"{self._target.stream}: {str(error) or repr(error)}"
            self.consumer = None
            await asyncio.sleep(_PULL_WAIT_SECONDS)

    async def _open(self) -> None:
        await self._close()
        self._reconnects = self._nats.stats["reconnects"]
        info = await self._target.jetstream.stream_info(self._target.stream)
        epoch = (info.config.metadata or {}).get(EPOCH_KEY) or str(info.created)
        if self.stream_epoch not in ("", epoch):
            self._cursor.forget()
            self._last = 0
        self.stream_epoch, self.stream_end = epoch, info.state.last_seq
        # A broker that lost power may have lost its newest messages: their sequences are given out again.
        self._last = min(self._last, info.state.last_seq)
        self._delivery = self._outstanding = 0
        inbox = self._nats.new_inbox()
        self._inbox = await self._nats.subscribe(inbox, cb=_from_queue, pending_msgs_limit=0, pending_bytes_limit=0)
        # Every message would otherwise pass a queue and a task on its way here: a third of what nats-py costs.
        self._inbox._pending_queue = _Direct(self._receive)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - it has no public door for a synchronous receiver
        self.consumer = await self._cursor.open(self._target, info.state, self._last)
        self._heard = self._clock()
        self.problem = None

    async def _look(self) -> None:
        """Nothing was heard: is the consumer there, and did all it delivered arrive?"""
        assert self.consumer is not None
        try:
            info = await self._target.jetstream.consumer_info(self._target.stream, self.consumer, timeout=2.0)
        except NotFoundError:
            self.consumer = None
            return
        if info.delivered is not None and info.delivered.consumer_seq > self._delivery:
            self.consumer = None
        await asyncio.sleep(_PULL_RETRY_SECONDS)
        self._outstanding = 0
        self._heard = self._clock()

    async def _request(self) -> None:
        assert self._inbox is not None
        request = {"batch": self._batch, "max_bytes": _MAX_PULL_BYTES, "expires": _PULL_EXPIRES_NS, "idle_heartbeat": _IDLE_HEARTBEAT_NS}
        if self._outstanding <= 0:
            self._outstanding, self._heard = 0, self._clock()
        self._outstanding += self._batch
        await self._nats.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._target.stream}.{self.consumer}", orjson.dumps(request), self._inbox.subject
        )

    def _receive(self, raw: Msg) -> None:
        self._heard = self._clock()
        self._wake.set()
        if not raw.reply:
            self._heed(raw.headers or {})
            return
        message = parse(raw)
        self._outstanding -= 1
        if message.delivery != self._delivery + 1:
            self.consumer = None  # a delivery was lost on its way
            return
        self._delivery = message.delivery
        self.lag = message.pending
        if message.sequence > self._last:
            self._last = message.sequence
            self._buffer.append(message)

    def _heed(self, headers: dict[str, str]) -> None:
        match headers.get("Status"), headers.get("Description", ""):
            case "100", _:
                if int(headers.get("Nats-Last-Consumer", 0)) > self._delivery:
                    self.consumer = None
            case "409", "Consumer Deleted":
                self.consumer = None
            case _ if _PENDING in headers:
                self._outstanding -= int(headers[_PENDING])
            case _:
                # Leadership change, server shutdown, no responders: the request is gone; ask again after a look around.
                self._heard = float("-inf")

    async def _close(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            with suppress(NatsError, OSError):
                await inbox.unsubscribe()


class _Direct(asyncio.Queue[Msg]):
    """What nats-py takes for the queue of a subscription: it hands each message on at once."""

    def __init__(self, receive: Callable[[Msg], None]) -> None:
        super().__init__()
        self._receive = receive

    def put_nowait(self, item: Msg) -> None:
        self._receive(item)


async def _from_queue(_message: Msg) -> None:
    """Never called: nothing stays in the queue."""
