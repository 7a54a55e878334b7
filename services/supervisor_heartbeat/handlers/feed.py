"""The state feed: the newest heartbeat of every sender that was heard, each second, for whoever shows it."""

import asyncio
from collections.abc import Iterable
from typing import Final

import orjson
from makima_schemas import subjects
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from nats.errors import Error as NatsError

from services.supervisor_heartbeat.domain.heartbeats import Beat
from services.supervisor_heartbeat.domain.senders import Sender, moment

TICK_SECONDS: Final = 1.0
MOST_PER_TICK: Final = 5_000  # the others keep their place for the next tick, with what they say by then


class Feed:
    """Each sender waits once, however often it is heard: memory is bounded by the senders, the broker's load by the tick."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting: dict[str, Sender] = {}

    def heard(self, senders: Iterable[Sender]) -> None:
        for sender in senders:
            self._waiting.setdefault(sender.stream, sender)

    async def run(self) -> None:
        while True:
            await asyncio.sleep(TICK_SECONDS)
            await self.publish()

    async def publish(self) -> int:
        """How many were told. A broker that is away misses a tick; the next heartbeat tells the same again."""
        due = list(self._waiting)[:MOST_PER_TICK]
        for stream in due:
            last = self._waiting.pop(stream).last
            if last is None:
                continue
            try:
                await self._nats.publish(subjects.state(last.address.kind, last.address.entity_id), encode_state(last))
            except NatsError:
                break
        return len(due)


def encode_state(beat: Beat) -> bytes:
    """The JSON of a sender's state; what only its kind of sender says stands beside what all say."""
    detail: dict[str, object] = {} if beat.detail is None else orjson.loads(beat.detail)
    own: dict[str, object] = {"state": beat.state, "phase": beat.phase, "pending_task_ids": []} if beat.address.kind == "supervisor" else {}
    return orjson.dumps(
        {
            "contract_id": beat.contract_id,
            "daemon_id": beat.address.daemon_id,
            "connection_id": beat.connection_id,
            "activity": beat.activity,
            "progress": beat.progress,
            "last_heartbeat": rfc3339(moment(beat.received_ns)),
            "stream_sequence": beat.sequence,
            **own,
            **detail,
        }
    )
