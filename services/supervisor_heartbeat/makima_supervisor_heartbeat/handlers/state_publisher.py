"""The state feed: the newest heartbeat of every sender that was heard, each second, for whoever shows it."""

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final

import orjson
from makima_kernel.cancellation import raise_if_cancelled
from makima_schemas import subjects
from makima_schemas.identity import DEFAULT_TENANT
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender_cache import Sender, rfc3339_of

PUBLISH_INTERVAL_SECONDS: Final = 1.0
STATES_PER_TURN: Final = 100
MAX_STATES_PER_INTERVAL: Final = 5_000  # the others keep their place for the next tick, with what they say by then


class StatePublisher:
    """Each sender waits once, however often it is heard: memory is bounded by the senders, the broker's load by the tick."""

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting: dict[str, Sender] = {}

    def heard(self, senders: Iterable[Sender]) -> None:
        for sender in senders:
            self._waiting.setdefault(sender.stream, sender)

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            await asyncio.sleep(PUBLISH_INTERVAL_SECONDS)
            await self.publish()

    async def publish(self) -> int:
        """How many were told. A broker that is away misses a tick; the next heartbeat tells the same again."""
        due = list(islice(self._waiting, MAX_STATES_PER_INTERVAL))
        for number, stream in enumerate(due):
            if number % STATES_PER_TURN == 0:
                await asyncio.sleep(0)  # heartbeats go on meanwhile
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
    state: dict[str, object] = {
        "tenant": DEFAULT_TENANT,  # heartbeats belong to it: their subjects name no other
        "contract_id": beat.contract_id,
        "daemon_id": beat.address.daemon_id,
        "connection_id": beat.connection_id,
        "activity": beat.activity,
        "progress": beat.progress,
        "last_heartbeat": rfc3339_of(beat.received_ns),
        "stream_sequence": beat.sequence,
    }
    if beat.address.kind == "supervisor":
        state |= {"state": beat.state, "phase": beat.phase}
        if beat.detail is None:
            state["pending_task_ids"] = ()
    encoded = orjson.dumps(state)
    return encoded if beat.detail is None else encoded[:-1] + b"," + beat.detail[1:].encode()
