"""Publishes canaries, which keep a shard's observed clock running while no heartbeats arrive, and which tell
that the broker loses messages: it drops heartbeats without a word, but answers what it is to acknowledge.
"""

import asyncio
from time import monotonic
from typing import Final, Literal, NamedTuple

import msgspec
import structlog
from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.streams import canary
from makima_kernel.telemetry import metrics
from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.errors import Error as NatsError

from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.heartbeat_consumer import LOSS_HEADER, HeartbeatConsumer

CANARY_INTERVAL_SECONDS: Final = 0.05
CANARY_RECENT_SECONDS: Final = 0.04  # no canary is sent if one, of any replica, was read within this time
SLOW_CANARY_INTERVAL_SECONDS: Final = 1.0
SLOW_CANARY_RECENT_SECONDS: Final = 0.8
# A canary is late when it is not acknowledged after this many canaries of its shard. Counted in rounds and not in
# seconds: a detector that was frozen itself has the answers before it has made them.
LATE_ROUNDS: Final = 20
HEADERS: Final = {"Nats-TTL": "5m"}
LOSS_HEADERS: Final = {**HEADERS, LOSS_HEADER: "1"}

Outcome = Literal["acknowledged", "refused", "late"]


class _Problem(msgspec.Struct, frozen=True):
    """The error in a JetStream publish acknowledgement."""

    err_code: int = 0
    description: str = ""


class _Ack(msgspec.Struct, frozen=True):
    """A JetStream publish acknowledgement."""

    error: _Problem | None = None


class _Sent(NamedTuple):
    """A canary that is not acknowledged yet."""

    shard: int
    turn: int  # when it was sent
    loss: int  # the newest loss that it tells of; 0: of none


_ACKS: Final = msgspec.json.Decoder(_Ack)


class Canaries:
    """Sees to one canary per shard every 50 ms over all replicas; every second while no sender is tracked.

    The shards take turns within the interval, because what drowns the broker may last for milliseconds. A canary
    that is refused or late means that heartbeats, of any shard, may have been lost since: their clocks are set
    back here at once, and in every replica by the next canary of each shard, which carries `LOSS_HEADER` until
    one that does is acknowledged.
    """

    def __init__(self, detector: Detector, reader: HeartbeatConsumer, nats: Client) -> None:
        self._detector, self._reader, self._nats = detector, reader, nats
        self._count = len(detector.shards)
        self._inbox = ""  # prefix of the reply subjects, `<prefix>.<turn>`
        self.turn = 0  # number of canaries that were due so far; the shards come round
        self._unanswered: dict[int, _Sent] = {}  # by turn, oldest first
        self._losses = 0  # canaries that were refused or late so far
        self._told = [0] * self._count  # by shard: the newest loss that an acknowledged canary told of
        self._reconnects = 0  # of the connection, when the oldest unanswered canary was sent

    async def run(self) -> None:
        self._inbox = self._nats.new_inbox()
        inbox = await self._nats.subscribe(f"{self._inbox}.*", cb=self._answered)
        due = monotonic()
        try:
            while True:
                raise_if_cancelled()
                slow = self._detector.warmed_up and not self._detector.tracked
                pause = (SLOW_CANARY_INTERVAL_SECONDS if slow else CANARY_INTERVAL_SECONDS) / self._count
                turns = min(
                    int((monotonic() - due) / pause) + 1, self._count
                )  # more than one after a busy while
                self._forget_late()
                await self._send(turns, SLOW_CANARY_RECENT_SECONDS if slow else CANARY_RECENT_SECONDS)
                due = max(due + turns * pause, monotonic())
                await asyncio.sleep(due - monotonic())
        finally:
            if not self._nats.is_closed:
                await inbox.unsubscribe()

    async def _send(self, turns: int, recent: float) -> None:
        """Publish a canary on each of the next `turns` shards without a recent one.

        Sends nothing while disconnected: nats-py would queue the message, and a late canary would be useless,
        because it is only meant to show that the stream flows now.
        """
        now = monotonic()
        for _ in range(turns):
            self.turn += 1
            shard = self.turn % self._count
            tells = self._told[shard] < self._losses
            if not self._nats.is_connected or (now - self._reader.canary_at[shard] < recent and not tells):
                continue
            self._unanswered[self.turn] = _Sent(shard, self.turn, self._losses if tells else 0)
            try:
                await self._nats.publish(
                    canary(shard),
                    b"",
                    reply=f"{self._inbox}.{self.turn}",
                    headers=LOSS_HEADERS if tells else HEADERS,
                )
            except NatsError:
                self._unanswered.pop(self.turn, None)

    def _forget_late(self) -> None:
        """Note which canaries are late.

        With a lost connection their answers are lost, and prove nothing. Neither do late ones while the history of
        heartbeats is read: they stand behind it in the same connection.
        """
        if (
            not self._nats.is_connected
            or self._nats.stats["reconnects"] != self._reconnects
            or not self._detector.warmed_up
        ):
            self._reconnects = self._nats.stats["reconnects"]
            self._unanswered.clear()
        while self._unanswered:
            oldest = next(iter(self._unanswered))
            if self.turn - oldest < LATE_ROUNDS * self._count:
                return
            del self._unanswered[oldest]
            self._lost("late", f"no acknowledgement within {LATE_ROUNDS} canaries")

    async def _answered(self, message: Msg) -> None:
        """Handle an acknowledgement; the last token of its subject is the canary's turn."""
        sent = self._unanswered.pop(int(message.subject.rpartition(".")[2]), None)
        if sent is None:
            return
        refusal = _refusal(message)
        if refusal is not None:
            self._lost("refused", refusal)
            return
        metrics.canaries.labels("acknowledged").inc()
        self._told[sent.shard] = max(self._told[sent.shard], sent.loss)

    def _lost(self, outcome: Outcome, reason: str) -> None:
        self._losses += 1
        metrics.canaries.labels(outcome).inc()
        self._reader.note_loss()
        for shard in self._detector.shards:
            self._detector.on_loss(shard)
        structlog.get_logger().debug("canary.lost", outcome=outcome, reason=reason)


def _refusal(message: Msg) -> str | None:
    """Why the broker did not store the canary; None if it did."""
    if not message.data:
        return "no stream takes it"
    try:
        error = _ACKS.decode(message.data).error
    except msgspec.DecodeError as unreadable:
        return f"the answer is none: {unreadable}"
    return None if error is None else f"{error.err_code} {error.description}"
