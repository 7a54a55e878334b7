"""Checks that the broker's stream belongs to this log: equal epochs,
and the same event at each position that is compared.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, cast
from uuid import UUID

import asyncpg
import msgspec
import structlog
from makima_schemas import subjects
from nats.aio.client import Client
from nats.js.api import StreamConfig
from nats.js.errors import NotFoundError

from makima_kernel.event_log.log import Log
from makima_kernel.event_log.named_sql import named
from makima_kernel.nats import streams
from makima_kernel.nats.stream_cursor import EPOCH_KEY
from makima_kernel.relay.stream_comparison import first_difference

SQL: Final = named(Path(__file__).with_suffix(".sql"))
_API_TIMEOUT_SECONDS: Final = 2.0  # seconds per request to the broker
# How far the clocks of broker and database may be apart. A restore of the database takes longer than that.
_CLOCKS: Final = timedelta(minutes=1)
# Positions from the stream's end: as many as relays can have had in flight when the last one ended, and more.
_COMPARED_WITHOUT_A_START: Final = 1024
_CURE: Final = "if the database was restored on purpose, run `makima ledger new-epoch`"

_logger = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Match:
    """The stream belongs to this log."""

    position: int  # the stream's end: publish the events after it
    # False for a stream without anything to compare: nothing was published to it yet.
    compared: bool = field(default=True, compare=False)


@dataclass(frozen=True, slots=True)
class NoStream:
    """The broker has no stream for the events: it is new, or lost its data."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The stream belongs to another log, or to a state of this log before a restore.

    It must not be written.
    """

    reason: str  # what differs, and what an operator should do


class _State(msgspec.Struct, frozen=True):
    last_ts: str


class _Info(msgspec.Struct, frozen=True):
    """The member `last_ts` of a stream's state, which nats-py does not return."""

    state: _State


async def compare_stream(nats: Client, log: Log, after: int | None = None) -> Match | NoStream | Mismatch:
    """Compares epochs, ends, and the ids of all events after the position `after`; 0: of the whole stream.

    None compares the last `_COMPARED_WITHOUT_A_START` positions. Raises the errors of nats-py and asyncpg.
    """
    jetstream = nats.jetstream(timeout=_API_TIMEOUT_SECONDS)
    try:
        info = await jetstream.stream_info(subjects.EVENTS_STREAM)
        last = info.state.last_seq
    except NotFoundError:
        return NoStream()
    epoch, stream_epoch = str(await log.epoch()), (info.config.metadata or {}).get(EPOCH_KEY)
    if epoch != stream_epoch:
        return Mismatch(f"the log's epoch is {epoch}, the stream's is {stream_epoch}: {_CURE}")
    # Read after the stream's end, because the stream's events were committed before that.
    head = await log.head()
    if last > head:
        return Mismatch(
            f"the stream ends at {last}, the log at {head}: an earlier state of the log was restored; {_CURE}"
        )
    if last == 0:
        return Match(last, compared=False)
    if not info.state.messages:
        return await _compare_empty(nats, log, last)
    if after is None or after > last:  # above the end: another stream has replaced the compared one
        after = last - _COMPARED_WITHOUT_A_START
    start = min(after, last - 1)  # the last one is always compared
    different = await first_difference(nats, log, start, last)
    if different is not None:
        return Mismatch(
            f"position {different.position} is event {different.in_stream} in the stream,"
            f" but {different.in_log} in the log; {_CURE}"
        )
    return Match(last)


async def compare(
    pool: asyncpg.Pool, nats: Client, log: Log, after: int | None = None
) -> Match | NoStream | Mismatch:
    """As `compare_stream`; a mismatch also if the log is elsewhere, with nothing to compare it with.

    Then the database was restored, or a replica was promoted, and the broker's data are gone: positions that
    were given out may be used again, and nobody could tell. Where the log is, is noted if it is not known
    yet, if the comparison held, and if the log is empty. Raises the errors of nats-py and asyncpg.
    """
    found = await compare_stream(nats, log, after)
    now, noted = cast("tuple[str | None, str | None]", await pool.fetchrow(SQL["place"]))
    if now == noted or now is None or isinstance(found, Mismatch):
        return found
    compared = isinstance(found, Match) and found.compared
    if noted is not None and not compared and await log.head() > 0:
        return Mismatch(
            f"the log was at {noted}, and is at {now}: the database was restored or a replica promoted, and the"
            " broker has no events to compare it with; run `makima ledger new-epoch`"
        )
    await pool.execute(SQL["note_place"], now)
    _logger.info("log.place_noted", before=noted, place=now)
    return found


async def _compare_empty(nats: Client, log: Log, last: int) -> Match | Mismatch:
    """Compares by time if the stream's messages have all expired, so that its last event cannot be read.

    The broker still knows when its last message arrived, and an event is recorded before it is published. If
    the log's event at that position was recorded later, it is another one: the log was restored, and has
    grown past this position again.
    """
    reply = await nats.request(f"$JS.API.STREAM.INFO.{subjects.EVENTS_STREAM}", timeout=_API_TIMEOUT_SECONDS)
    stored_at = datetime.fromisoformat(msgspec.json.decode(reply.data, type=_Info).state.last_ts)
    events = await log.after(last - 1, 1)
    # The stream was created with this first sequence; nothing was published yet.
    if stored_at.year == 1 or not events:
        return Match(last, compared=False)
    recorded = events[0].recorded_at
    if recorded > stored_at + _CLOCKS:
        return Mismatch(
            f"position {last} was recorded at {recorded:%Y-%m-%d %H:%M:%S}, but the stream stored it at {stored_at:%Y-%m-%d %H:%M:%S}; {_CURE}"
        )
    return Match(last)


async def last_sequence(nats: Client) -> int:
    """The stream's last sequence; 0 if there is no stream. Raises nats-py's errors."""
    try:
        return (
            await nats.jetstream(timeout=_API_TIMEOUT_SECONDS).stream_info(subjects.EVENTS_STREAM)
        ).state.last_seq
    except NotFoundError:
        return 0


async def new_epoch(pool: asyncpg.Pool, nats: Client, *, budget: float = 1.0, replicas: int = 1) -> UUID:
    """Gives the log a new epoch and a new stream, which resets all consumers and monitor sockets.

    To be used after a restore of the database: positions that were given out before may denote other events
    now. `budget` and `replicas`: see `streams.streams`; what an operator has raised in the old stream holds for
    the new one as well.
    """
    epoch = cast("UUID", await pool.fetchval(SQL["new_epoch"]))
    jetstream = nats.jetstream(timeout=_API_TIMEOUT_SECONDS)
    raised: StreamConfig | None = None
    try:
        raised = (await jetstream.stream_info(subjects.EVENTS_STREAM)).config
        await jetstream.delete_stream(subjects.EVENTS_STREAM)
    except NotFoundError:
        _logger.info("log.no_stream", stream=subjects.EVENTS_STREAM)
    await streams.create_missing(nats, Log(pool), budget=budget, replicas=replicas, like=raised)
    _logger.warning("log.new_epoch", epoch=str(epoch))
    return epoch
