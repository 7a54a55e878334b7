"""Reads a stream in order and in bulk, with overlapping pull requests,
and recovers from lost connections.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from time import monotonic
from typing import Final

import orjson
from makima_schemas.evidence import same_stream
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import ConnectionClosedError
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.message import Message, parse
from makima_kernel.nats.stream_cursor import Cursor, Target, begin_epoch, epoch_of
from makima_kernel.waiting import wait_with_timeout

_PULL_EXPIRES_NS: Final = 10_000_000_000  # after which the broker drops a request
_IDLE_HEARTBEAT_NS: Final = 1_000_000_000  # between the broker's idle heartbeats
_BROKER_SILENT_SECONDS: Final = (
    3.0  # seconds without a message or an idle heartbeat, after which the consumer is checked
)
_PULL_WAIT_SECONDS: Final = 0.25  # seconds to wait for messages, at most; also after an error
_PULL_RETRY_SECONDS: Final = 0.05  # seconds after a check of the consumer
# Per request, because a full batch of the largest events would fill the memory.
_MAX_PULL_BYTES: Final = 16 * 1024 * 1024
# Header that ends a request: how many of its messages were not delivered.
_PENDING: Final = "Nats-Pending-Messages"


class PullLoop:
    """Reads the messages of one stream in order and without gaps;
    at most two batches are buffered or requested.

    After a lost connection, a missed idle heartbeat, a lost delivery or a deleted consumer or stream, the
    loop creates its consumer again after the last message that it has, and continues.
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
        marks_losses: bool = False,
    ) -> None:
        """`filters`: subjects to read (none: all). `batch`: messages per batch and per request.

        `linger`: seconds to wait for a batch to fill.
        `tick`: yield an empty batch after that many seconds without one. `marks_losses`: a stream that lost its
        newest messages gets another epoch, as their sequences are given out again.
        """
        self._nats = nats
        self._target = Target(nats, stream, filters)
        self._cursor = cursor
        self._batch, self._linger, self._tick, self._clock = batch, linger, tick, clock
        self._marks_losses = marks_losses
        self._buffer: list[Message] = []  # received, but not yielded
        self._wake = asyncio.Event()  # set with each message, and by `stop()`
        self._inbox: Subscription | None = None  # receives messages and status messages
        self._reconnects = 0  # of the connection, when the consumer was created
        self._outstanding = 0  # messages that are requested and not delivered
        self._delivery = 0  # the consumer's sequence of the last message received
        self._last = 0  # the stream's sequence of the last message received
        # `_last_message_at`: when the last message of any kind was received;
        # `_yielded`: when the last batch was yielded.
        self._last_message_at = self._yielded = clock()
        self._filling_since: float | None = None  # since when the buffer has messages
        self._stopping = False
        self.consumer: str | None = None  # the consumer's name; None: it must be created (again)
        self.stream_epoch = ""  # the incarnation of the stream that the sequences belong to
        self.stream_end = 0  # the stream's last sequence when the consumer was created
        self.problem: str | None = f"{stream} is not read yet"  # why nothing is read; None: it is
        self.lag = 0  # messages that the broker still had for the consumer at the last delivery

    def stop(self) -> None:
        """Ends `batches()` when all received messages have been yielded."""
        self._stopping = True
        self._wake.set()

    async def batches(self) -> AsyncGenerator[list[Message]]:
        """Yields up to `batch` messages at a time, until `stop()`.

        Raises `ConnectionClosedError` if the connection is closed for good.
        """
        self._last_message_at = self._yielded = self._clock()
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
                await self._pause()
        finally:
            await self._close()

    def _is_due(self) -> bool:
        """True if a batch (or, without messages, a tick) should be yielded now."""
        now = self._clock()
        if not self._buffer:
            return self._tick is not None and now - self._yielded >= self._tick
        if self._filling_since is None:
            self._filling_since = now
        return len(self._buffer) >= self._batch or self._stopping or now - self._filling_since >= self._linger

    async def _pause(self) -> None:
        waits = [
            _PULL_WAIT_SECONDS if not self._buffer else self._linger,
            _PULL_WAIT_SECONDS if self._tick is None else self._tick,
        ]
        self._wake.clear()
        await wait_with_timeout(self._wake, min(waits))

    async def _tend(self) -> None:
        """Creates the consumer if necessary, checks it after a silence, and requests the next batch."""
        if self._nats.is_closed:
            raise ConnectionClosedError
        if not self._nats.is_connected:
            self.problem = "not connected to the broker"
            return
        try:
            if self._nats.stats["reconnects"] != self._reconnects:
                self.consumer = None
            if (
                self.consumer is not None
                and self._outstanding > 0
                and self._clock() - self._last_message_at > _BROKER_SILENT_SECONDS
            ):
                await self._check_consumer()
            if self.consumer is None and self._buffer:
                # Yield the buffer first: what follows may belong to another incarnation of the stream.
                return
            if self.consumer is None:
                await self._open()
            if self._outstanding + len(self._buffer) <= self._batch:
                await self._request()
        except (NatsError, OSError, TimeoutError) as error:
            self.problem = f"{self._target.stream}: {str(error) or repr(error)}"
            self.consumer = None
            await asyncio.sleep(_PULL_WAIT_SECONDS)

    async def _open(self) -> None:
        """Creates the consumer after the last message received, and an inbox for it."""
        await self._close()
        self._reconnects = self._nats.stats["reconnects"]
        info = await self._target.jetstream.stream_info(self._target.stream)
        epoch = epoch_of(info)
        if self._marks_losses and epoch == self.stream_epoch and self._last > info.state.last_seq:
            epoch = await begin_epoch(self._target, info)
        if self.stream_epoch and not same_stream(self.stream_epoch, epoch):
            self._cursor.forget()
            self._last = 0
        self.stream_epoch, self.stream_end = epoch, info.state.last_seq
        # A broker that lost power may have lost its newest messages,
        # and assigns their sequences again to others.
        self._last = min(self._last, info.state.last_seq)
        self._delivery = self._outstanding = 0
        inbox = self._nats.new_inbox()
        self._inbox = await self._nats.subscribe(
            inbox, cb=_from_queue, pending_msgs_limit=0, pending_bytes_limit=0
        )
        # nats-py would pass every message through a queue and a task,
        # which is a third of its cost per message.
        self._inbox._pending_queue = _Direct(self._receive)  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no public API for this
        self.consumer = await self._cursor.open(self._target, info.state, self._last)
        self._last_message_at = self._clock()
        self.problem = None

    async def _check_consumer(self) -> None:
        """Checks that the consumer still exists, and that all messages it delivered were received."""
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
        self._last_message_at = self._clock()

    async def _request(self) -> None:
        """Requests a batch; its messages are delivered to the inbox."""
        assert self._inbox is not None
        request = {
            "batch": self._batch,
            "max_bytes": _MAX_PULL_BYTES,
            "expires": _PULL_EXPIRES_NS,
            "idle_heartbeat": _IDLE_HEARTBEAT_NS,
        }
        if self._outstanding <= 0:
            self._outstanding, self._last_message_at = 0, self._clock()
        self._outstanding += self._batch
        await self._nats.publish(
            f"$JS.API.CONSUMER.MSG.NEXT.{self._target.stream}.{self.consumer}",
            orjson.dumps(request),
            self._inbox.subject,
        )

    def _receive(self, raw: Msg) -> None:
        """Called for each message of the inbox: buffers it, or handles it as a status message."""
        self._last_message_at = self._clock()
        self._wake.set()
        if not raw.reply:
            self._heed(raw.headers or {})
            return
        message = parse(raw)
        self._outstanding -= 1
        if message.delivery != self._delivery + 1:
            self.consumer = None  # an earlier delivery was lost
            return
        self._delivery = message.delivery
        self.lag = message.pending
        if message.sequence > self._last:
            self._last = message.sequence
            self._buffer.append(message)

    def _heed(self, headers: dict[str, str]) -> None:
        """Handles a status message of the broker."""
        match headers.get("Status"), headers.get("Description", ""):
            case "100", _:  # an idle heartbeat, with the number of the consumer's last delivery
                if int(headers.get("Nats-Last-Consumer", 0)) > self._delivery:
                    self.consumer = None
            case "409", "Consumer Deleted":
                self.consumer = None
            case _ if _PENDING in headers:
                self._outstanding -= int(headers[_PENDING])
            case _:
                # Leadership change, server shutdown, no responders: the request was dropped.
                # Check the consumer at once.
                self._last_message_at = float("-inf")

    async def _close(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None:
            with suppress(NatsError, OSError):
                await inbox.unsubscribe()


class _Direct(asyncio.Queue[Msg]):
    """Replaces the queue of a nats-py subscription: passes each message to a callback at once."""

    def __init__(self, receive: Callable[[Msg], None]) -> None:
        super().__init__()
        self._receive = receive

    def put_nowait(self, item: Msg) -> None:
        self._receive(item)


async def _from_queue(_message: Msg) -> None:
    """The callback that nats-py requires. Never called, because no message stays in the queue."""
