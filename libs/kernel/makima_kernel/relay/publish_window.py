"""Events to JetStream in a sliding window, each only where it belongs: behind the sequence that is its position minus one."""

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

_ACK_TIMEOUT_SECONDS: Final = 5.0
_ACK_POLL_SECONDS: Final = 0.25


class PublishError(RuntimeError):
    """The broker did not take an event at its place: look at the stream again before going on."""


class MisplacedError(PublishError):
    """The broker stored an event under another sequence than its position: this stream can never be right again."""


class _Problem(msgspec.Struct, frozen=True):
    code: int = 0
    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct, frozen=True):
    seq: int = 0
    error: _Problem | None = None


_ACKS: Final = msgspec.json.Decoder(_Ack)


@dataclass(slots=True)
class _InFlight:
    event: Recorded
    sent: float


class Window:
    """Publishes events in order, at most `size` of them unacknowledged.

    nats-py's own request costs a future, a task and a timer per message; here one inbox counts acknowledgements, and one
    clock watches the oldest. Everything after the first failure is refused by the broker, so the order cannot break.
    """

    def __init__(self, nats: Client, *, size: int, on_published: Callable[[Recorded], None], clock: Callable[[], float]) -> None:
        self._nats, self._size, self._on_published, self._clock = nats, size, on_published, clock
        self._in_flight: dict[int, _InFlight] = {}
        self._failure: PublishError | None = None
        self._changed = asyncio.Event()
        self._inbox: Subscription | None = None
        self._prefix = ""
        self._reconnects = 0

    async def open(self) -> None:
        """A new inbox: late answers to what was sent before mean nothing any more."""
        await self.close()
        self._reconnects = self._nats.stats["reconnects"]
        self._in_flight.clear()
        self._failure = None
        self._prefix = self._nats.new_inbox()
        self._inbox = await self._nats.subscribe(f"{self._prefix}.*", cb=self._answered, pending_msgs_limit=0, pending_bytes_limit=0)

    async def close(self) -> None:
        inbox, self._inbox = self._inbox, None
        if inbox is not None and not self._nats.is_closed:
            await inbox.unsubscribe()

    async def publish(self, event: Recorded) -> None:
        """Returns when it is sent, which waits while the window is full. Raises `PublishError`."""
        while len(self._in_flight) >= self._size:
            await self._wait()
        self.check()
        self._in_flight[event.position] = _InFlight(event, self._clock())
        await self._nats.publish(
            subjects.event(event.category, event.entity_id, event.type),
            to_cloudevent(event),
            reply=f"{self._prefix}.{event.position}",
            headers={Header.MSG_ID: str(event.event_id), Header.EXPECTED_LAST_SEQUENCE: str(event.position - 1)},
        )

    async def flush(self) -> None:
        """Returns when all is acknowledged. Raises `PublishError`."""
        while self._in_flight:
            await self._wait()
        self.check()

    def check(self) -> None:
        """Raises `PublishError` if something failed, or if the connection is or was lost: the broker may be another one now."""
        if self._failure is not None:
            raise self._failure
        if not self._nats.is_connected or self._nats.stats["reconnects"] != self._reconnects:
            raise PublishError("the connection to the broker was lost")

    async def _wait(self) -> None:
        self.check()
        self._changed.clear()
        await wait_with_timeout(self._changed, _ACK_POLL_SECONDS)
        oldest = next(iter(self._in_flight.values()), None)
        if oldest is not None and self._clock() - oldest.sent > _ACK_TIMEOUT_SECONDS:
            raise PublishError(f"position {oldest.event.position} was not acknowledged within {_ACK_TIMEOUT_SECONDS:g} s")

    async def _answered(self, message: Msg) -> None:
        position = int(message.subject.rpartition(".")[2])
        in_flight = self._in_flight.pop(position, None)
        self._changed.set()
        if in_flight is None or self._failure is not None:
            return
        self._failure = _problem(position, message)
        if self._failure is None:
            self._on_published(in_flight.event)


def _problem(position: int, message: Msg) -> PublishError | None:
    if not message.data:
        return PublishError(f"no stream takes {subjects.EVENTS}")
    try:
        ack = _ACKS.decode(message.data)
    except msgspec.DecodeError as error:
        return PublishError(f"position {position} got an answer that is none: {error}")
    if ack.error is not None:
        return PublishError(f"position {position} was refused: {ack.error.err_code} {ack.error.description}")
    if ack.seq != position:
        return MisplacedError(f"position {position} was stored as sequence {ack.seq}")
    return None
