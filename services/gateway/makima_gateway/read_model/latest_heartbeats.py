"""Keeps each sender's latest heartbeat in memory, from the recorder's feed
(`makima.state.>`, each second).
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import orjson
from makima_schemas import subjects
from makima_schemas.identity import DEFAULT_TENANT
from nats.aio.client import Client
from nats.aio.msg import Msg

# ≈ 150 MiB. Beyond it, those silent for longest are evicted, and queried from the recorder when needed.
MAX_SENDERS: Final = 200_000

Sender = tuple[str, str]  # kind and id


@dataclass(frozen=True, slots=True)
class LatestHeartbeat:
    """The latest heartbeat of a sender."""

    tick: int  # number of the state in this process, ascending; a subscriber's cursor
    kind: str  # `supervisor` or `daemon`
    sender_id: str  # a supervisor's task id, or a daemon's id
    tenant: str
    contract_id: str | None  # the contract that a supervisor drives; null for a daemon
    at: datetime | None  # when the broker received it
    heartbeat: dict[str, object]  # its members

    @classmethod
    def of(cls, kind: str, sender_id: str, heartbeat: dict[str, object], tick: int = 0) -> "LatestHeartbeat":
        contract_id = heartbeat.get("contract_id")
        named = contract_id if isinstance(contract_id, str) else None
        tenant = str(heartbeat.get("tenant", DEFAULT_TENANT))
        return cls(tick, kind, sender_id, tenant, named, _time(heartbeat.get("last_heartbeat")), heartbeat)

    def quiet_until(self, most: float) -> datetime | None:
        """Until when it announced to be silent, at most `most` seconds from this heartbeat on; None: it did not."""
        seconds = self.heartbeat.get("quiet_seconds")
        if self.at is None or not isinstance(seconds, int | float):
            return None
        return self.at + timedelta(seconds=min(float(seconds), most))

    def noted(self, name: str) -> tuple[datetime, dict[str, object]] | None:
        """What the recorder noted about the sender under this name, and when; None: nothing."""
        note = self.heartbeat.get(name)
        if not isinstance(note, dict):
            return None
        members = cast("dict[str, object]", note)
        return datetime.fromisoformat(str(members["at"])), members


class Waiters:
    """The asyncio events to set at each new heartbeat.

    Setting an event that is already set costs nothing: a busy subscriber reads all new states when it
    continues.
    """

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def add(self, event: asyncio.Event) -> None:
        """Set this event at each new heartbeat, until `remove`."""
        self._waiting.add(event)

    def remove(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def notify_all(self) -> None:
        for event in self._waiting:
            event.set()


class LatestHeartbeats:
    """One state per sender, the latest.

    A subscriber that falls behind skips states; it never blocks the feed.
    """

    def __init__(self) -> None:
        # Ordered by `tick`: a new state moves its sender to the end.
        self._latest: OrderedDict[Sender, LatestHeartbeat] = OrderedDict()
        # Those whose latest heartbeat announced silence, as few do.
        self._quiet: set[Sender] = set()
        self.waiters = Waiters()
        self.tick = 0  # of the newest state

    async def run(self, nats: Client) -> None:
        """Until cancelled: receive states from the core NATS subject (no redelivery).

        By the client itself: a subscriber of FastStream takes five times as long per message (decision 15).
        """
        subscription = await nats.subscribe(subjects.STATE_FEED, cb=self._on_message)
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            await subscription.unsubscribe()

    def latest(self, kind: str, sender_id: str) -> LatestHeartbeat | None:
        return self._latest.get((kind, sender_id))

    def announced_quiet(self) -> list[LatestHeartbeat]:
        """Those that announced to be silent, also where that time is over."""
        return [self._latest[sender] for sender in self._quiet]

    def last_heartbeat(self, supervisor_task_id: str | None) -> datetime | None:
        """When the broker received a supervisor's latest heartbeat; None: none since this process began."""
        latest = None if supervisor_task_id is None else self.latest("supervisor", supervisor_task_id)
        return None if latest is None else latest.at

    def since(self, tick: int) -> list[Sender]:
        """The senders with a state after `tick`, oldest first.

        Returns ids, not states, so that a slow reader does not keep old states in memory.
        """
        return list(reversed(list(self._newer(tick))))

    def _newer(self, tick: int) -> Iterator[Sender]:
        for sender, latest in reversed(self._latest.items()):
            if latest.tick <= tick:
                return
            yield sender

    async def _on_message(self, message: Msg) -> None:
        kind, _, sender_id = message.subject.removeprefix("makima.state.").partition(".")
        self.record(kind, sender_id, message.data)

    def record(self, kind: str, sender_id: str, payload: bytes) -> None:
        """Store one state.

        A payload that is no JSON object is skipped: the next state comes within a second.
        """
        try:
            state: object = orjson.loads(payload)
        except orjson.JSONDecodeError:
            return
        if not isinstance(state, dict):
            return
        self.tick += 1
        key = (kind, sender_id)
        self._latest[key] = LatestHeartbeat.of(kind, sender_id, cast("dict[str, object]", state), self.tick)
        self._latest.move_to_end(key)
        (self._quiet.add if "quiet_seconds" in state else self._quiet.discard)(key)
        if len(self._latest) > MAX_SENDERS:
            evicted, _ = self._latest.popitem(last=False)
            self._quiet.discard(evicted)
        self.waiters.notify_all()


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
