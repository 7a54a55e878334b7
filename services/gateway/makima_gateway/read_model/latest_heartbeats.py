"""The latest state of every sender, in memory, from the recorder's coalesced feed (`makima.state.>`, each second)."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

import orjson
from makima_kernel.nats.listen import listen
from makima_schemas import subjects
from makima_schemas.identity import DEFAULT_TENANT
from nats.aio.client import Client

MAX_SENDERS: Final = 200_000  # ≈ 150 MiB; beyond it the longest silent ones are forgotten, and are asked for where they are needed

Sender = tuple[str, str]  # kind and id


@dataclass(frozen=True, slots=True)
class LatestHeartbeat:
    """The last heartbeat of a sender; `tick` orders what this process was told, `at` is the broker's arrival time."""

    tick: int
    kind: str
    sender_id: str
    tenant: str
    contract_id: str | None
    at: datetime | None
    heartbeat: dict[str, object]

    @classmethod
    def of(cls, kind: str, sender_id: str, heartbeat: dict[str, object], tick: int = 0) -> "LatestHeartbeat":
        contract_id = heartbeat.get("contract_id")
        named = contract_id if isinstance(contract_id, str) else None
        tenant = str(heartbeat.get("tenant", DEFAULT_TENANT))
        return cls(tick, kind, sender_id, tenant, named, _time(heartbeat.get("last_heartbeat")), heartbeat)


class Waiters:
    """Who waits for news. An event that is set already costs nothing: who is busy finds all of it when it looks again."""

    def __init__(self) -> None:
        self._waiting: set[asyncio.Event] = set()

    def add(self, event: asyncio.Event) -> None:
        """Set it at each news, until `leave`."""
        self._waiting.add(event)

    def remove(self, event: asyncio.Event) -> None:
        self._waiting.discard(event)

    def notify_all(self) -> None:
        for event in self._waiting:
            event.set()


class LatestHeartbeats:
    """Latest only: a sender has one place, and the newest stand last. Readers that fall behind skip states, never block."""

    def __init__(self) -> None:
        self._latest: OrderedDict[Sender, LatestHeartbeat] = OrderedDict()
        self.waiters = Waiters()
        self.tick = 0

    async def run(self, nats: Client) -> None:
        """Listen until cancelled."""
        await listen(nats, subjects.STATE_FEED, self._on_message)

    def latest(self, kind: str, sender_id: str) -> LatestHeartbeat | None:
        return self._latest.get((kind, sender_id))

    def last_heartbeat(self, supervisor_task_id: str | None) -> datetime | None:
        """The broker's arrival time of a supervisor's newest heartbeat, if one was heard since this process began."""
        latest = None if supervisor_task_id is None else self.latest("supervisor", supervisor_task_id)
        return None if latest is None else latest.at

    def since(self, tick: int) -> list[Sender]:
        """Who spoke after `tick`, oldest first. Names, not what they said: a reader that takes its time keeps no old states alive."""
        return list(reversed(list(self._newer(tick))))

    def _newer(self, tick: int) -> Iterator[Sender]:
        for sender, latest in reversed(self._latest.items()):
            if latest.tick <= tick:
                return
            yield sender

    def _on_message(self, subject: str, payload: bytes) -> None:
        kind, _, sender_id = subject.removeprefix("makima.state.").partition(".")
        self.record(kind, sender_id, payload)

    def record(self, kind: str, sender_id: str, payload: bytes) -> None:
        """One state. What is no JSON object is passed over: the feed is telemetry, and the next one comes in a second."""
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
        if len(self._latest) > MAX_SENDERS:
            self._latest.popitem(last=False)
        self.waiters.notify_all()


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        return None
