"""Publishes each sender's newest heartbeat once a second on `makima.state.<kind>.<id>`."""

import asyncio
from collections.abc import Iterable
from itertools import islice
from typing import Final

import orjson
from makima_kernel.cancellation import raise_if_cancelled
from makima_schemas import subjects
from makima_schemas.identity import DEFAULT_TENANT, split_stream
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.broker_time import rfc3339_of
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.progress import ProgressState
from makima_supervisor_heartbeat.domain.sender import OverLimit, Rival, Sender, Unfit

PUBLISH_INTERVAL_SECONDS: Final = 1.0
STATES_PER_TURN: Final = 100
# The others stay queued in order; the next tick publishes their state as of then.
MAX_STATES_PER_INTERVAL: Final = 5_000


class StatePublisher:
    """Queue of senders with an unpublished state, each queued at most once.

    Memory is bounded by the number of senders, the load on the broker by MAX_STATES_PER_INTERVAL.
    """

    def __init__(self, nats: Client) -> None:
        self._nats = nats
        self._waiting: dict[str, Sender] = {}  # by stream name, in the order in which they were queued

    def heard(self, senders: Iterable[Sender]) -> None:
        """Queue senders whose heartbeats were recorded."""
        for sender in senders:
            self._waiting.setdefault(sender.stream, sender)

    async def run(self) -> None:
        while True:
            raise_if_cancelled()
            await asyncio.sleep(PUBLISH_INTERVAL_SECONDS)
            await self.publish()

    async def publish(self) -> int:
        """Publish up to MAX_STATES_PER_INTERVAL states; returns how many were due.

        Stops for this tick if the broker is unavailable. Nothing is retried: the sender's next heartbeat
        queues it again.
        """
        due = list(islice(self._waiting, MAX_STATES_PER_INTERVAL))
        for number, stream in enumerate(due):
            if number % STATES_PER_TURN == 0:
                await asyncio.sleep(0)  # lets heartbeats be processed
            sender = self._waiting.pop(stream)
            if sender.last is None and sender.over_limit is None:
                continue
            try:
                await self._nats.publish(
                    subjects.state(split_stream(stream)[0], sender.entity_id), encode_sender(sender)
                )
            except NatsError:
                break
        return len(due)


def encode_sender(sender: Sender) -> bytes:
    """The state of a sender; of a daemon that never sent a heartbeat only that its senders are refused."""
    if sender.last is not None:
        return encode_state(sender.last, sender.unfit, sender.rival, sender.over_limit, sender.progress_state)
    return orjson.dumps({"tenant": DEFAULT_TENANT, **_limit(sender.over_limit)})


def _limit(over: OverLimit | None) -> dict[str, object]:
    return {} if over is None else {"over_limit": {"reason": over.reason, "at": rfc3339_of(over.at_ns)}}


def encode_state(
    beat: Beat,
    unfit: Unfit | None = None,
    rival: Rival | None = None,
    over: OverLimit | None = None,
    progress_state: ProgressState | None = None,
) -> bytes:
    """A sender's state as JSON: the common fields and those of its kind, in one flat object.

    `unfit` is a member only if something did not fit, `rival` only if somebody else speaks for the sender,
    `quiet_seconds` only of one that announced to be silent for so long, `over_limit` only of a daemon with new senders that were refused, `progress_at` not of a daemon.
    """
    state: dict[str, object] = {
        "tenant": DEFAULT_TENANT,  # of all heartbeats, as their subjects contain no tenant
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
    if beat.quiet_ns:
        state["quiet_seconds"] = beat.quiet_ns / 1e9  # a duration, as the sender's clock is its own
    if progress_state is not None:
        state["progress_at"] = rfc3339_of(progress_state.progress_ns)
    if unfit is not None:
        at, outcome = rfc3339_of(unfit.at_ns), "refused" if unfit.refused else "cut"
        state["unfit"] = {"count": unfit.count, "at": at, "reason": unfit.reason, "outcome": outcome}
    if rival is not None and rival.count:
        state["rival"] = {"other": rival.other, "count": rival.count, "at": rfc3339_of(rival.at_ns)}
    state |= _limit(over)
    encoded = orjson.dumps(state)
    return encoded if beat.detail is None else encoded[:-1] + b"," + beat.detail[1:].encode()
