"""Publishes events to JetStream in a sliding window;
the broker accepts each only at the sequence of its position.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import msgspec
from makima_schemas import subjects
from makima_schemas.envelope import Recorded, to_cloudevent
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.js.api import Header

from makima_kernel.waiting import wait_with_timeout

_ACK_TIMEOUT_SECONDS: Final = 5.0  # seconds
_ACK_POLL_SECONDS: Final = (
    0.25  # seconds between two checks of the connection and of the oldest unacknowledged event
)


class PublishError(RuntimeError):
    """The broker did not store an event at its sequence.

    Compare the stream with the log before publishing again.
    """


class MisplacedError(PublishError):
    """The broker stored an event at another sequence than its position,
    so this stream can never match the log.
    """


class _Problem(msgspec.Struct, frozen=True):
    """The error in a JetStream publish acknowledgement."""

    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct, frozen=True):
    """A JetStream publish acknowledgement."""

    seq: int = 0  # the sequence at which the message was stored
    error: _Problem | None = None


_ACKS: Final = msgspec.json.Decoder(_Ack)


@dataclass(slots=True)
class _InFlight:
    event: Recorded
    sent: float  # when it was published, by the window's clock


class Window:
    """Publishes events in order, with at most `size` of them unacknowledged.

    A request of nats-py costs a future, a task and a timer per message. Here one inbox receives all
    acknowledgements, and only the age of the oldest unacknowledged event is checked. Each message carries the
    expected last sequence, so after one failure the broker refuses all later events, and the order cannot
    break. `on_published` is called with each event that was acknowledged; `clock` returns seconds.
    """

    def __init__(
        self, nats: Client, *, size: int, on_published: Callable[[Recorded], None], clock: Callable[[], float]
    ) -> None:
        self._nats, self._size, self._on_published, self._clock = nats, size, on_published, clock
        self._in_flight: dict[int, _InFlight] = {}  # by position: published, but not acknowledged
        self._failure: PublishError | None = None  # the first one since `open()`
        self._changed = asyncio.Event()  # set with each acknowledgement
        self._inbox: Subscription | None = None  # receives the acknowledgements
        self._prefix = ""  # of the reply subjects, `<prefix>.<position>`
        self._reconnects = 0  # of the connection, when `open()` was called

    async def open(self) -> None:
        """Starts with an empty window and a new inbox,
        so that late acknowledgements of earlier events are ignored.
        """
        await self.close()
        self._reconnects = self._nats.stats["reconnects"]
        self._in_flight.clear()
        self._failure = None
        self._prefix = self._nats.new_inbox()
        self._inbox = await self._nats.subscribe(
            f"{self._prefix}.*", cb=self._answered, pending_msgs_limit=0, pending_bytes_limit=0
        )

    async def close(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None and not self._nats.is_closed:
            await inbox.unsubscribe()

    async def publish(self, event: Recorded) -> None:
        """Sends one event; waits while the window is full. Raises `PublishError`."""
        while len(self._in_flight) >= self._size:
            await self._wait()
        self.check()
        self._in_flight[event.position] = _InFlight(event, self._clock())
        await self._nats.publish(
            subjects.event(event.category, event.entity_id, event.type),
            to_cloudevent(event),
            reply=f"{self._prefix}.{event.position}",
            headers={
                Header.MSG_ID: str(event.event_id),
                Header.EXPECTED_LAST_SEQUENCE: str(event.position - 1),
            },
        )

    async def flush(self) -> None:
        """Returns when all sent events are acknowledged. Raises `PublishError`."""
        while self._in_flight:
            await self._wait()
        self.check()

    def check(self) -> None:
        """Raises `PublishError` if an event failed, or if the connection was lost since `open()`.

        After a reconnect the broker may be another server, with another stream.
        """
        if self._failure is not None:
            raise self._failure
        if not self._nats.is_connected or self._nats.stats["reconnects"] != self._reconnects:
            raise PublishError("the connection to the broker was lost")

    async def _wait(self) -> None:
        """Waits for the next acknowledgement, at most `_ACK_POLL_SECONDS`. Raises `PublishError`."""
        self.check()
        self._changed.clear()
        await wait_with_timeout(self._changed, _ACK_POLL_SECONDS)
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is not None and self._clock() - oldest.sent > _ACK_TIMEOUT_SECONDS:
            raise PublishError(
                f"position {oldest.event.position} was not acknowledged within {_ACK_TIMEOUT_SECONDS:g} s"
            )

    async def _answered(self, message: Msg) -> None:
        """Handles an acknowledgement; the last token of its subject is the event's position."""
        position = int(message.subject.rpartition(".")[2])
        in_flight = self._in_flight.pop(position, None)
        self._changed.set()
        if in_flight is None or self._failure is not None:
            return
        self._failure = _problem(position, message, next(iter(self._in_flight), position))
        if self._failure is None:
            self._on_published(in_flight.event)


def _problem(position: int, message: Msg, oldest: int) -> PublishError | None:
    """The failure that an acknowledgement reports; None if the event was stored at its sequence.

    `oldest`: the first position that is not answered. A broker that cannot store gives no answer at all, and
    refuses what comes after.
    """
    if not message.data:
        return PublishError(f"no stream accepts {subjects.EVENTS}")
    try:
        ack = _ACKS.decode(message.data)
    except msgspec.DecodeError as error:
        return PublishError(f"position {position} got a malformed acknowledgement: {error}")
    if ack.error is not None:
        first = f"; the broker gave no answer to position {oldest} before" if oldest < position else ""
        reason = f"{ack.error.err_code} {ack.error.description}"
        return PublishError(f"position {position} was rejected: {reason}{first}")
    if ack.seq != position:
        return MisplacedError(f"position {position} was stored as sequence {ack.seq}")
    return None
