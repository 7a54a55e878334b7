"""Builds the batches that are written to the database from messages of the heartbeat stream."""

from collections.abc import Sequence
from typing import Final

import msgspec
from makima_kernel.nats.message import Message
from makima_kernel.telemetry import metrics
from makima_schemas.heartbeat_codec import Address, MalformedHeartbeatError, decode_subject
from makima_schemas.heartbeat_reader import MAX_REASON, RefusedHeartbeatError

from makima_supervisor_heartbeat.domain.batching.write_batch import (
    NEWEST,
    OLDER,
    UNJUDGED,
    WriteBatch,
    progress_columns,
    row,
    row_head,
)
from makima_supervisor_heartbeat.domain.heartbeats import Beat, read, unchanged
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache

MAX_CACHED_SUBJECTS: Final = 2_000_000


class SubjectInfo(msgspec.Struct, frozen=True, gc=False):
    """Cached facts of a subject on which a valid heartbeat came."""

    lane: int  # number of the lane (write connection) that records its shard
    address: Address  # kind and ids of the sender, parsed from the subject
    sender: Sender  # its entry in the sender cache


class BatchBuilder:
    """Decodes messages into batches, one per lane. Parsed subjects are cached.

    `lanes` lists the shards of each lane; messages of other shards are skipped. The cache is cleared when it
    holds `max_subjects` subjects: clients can invent any number of subjects, and those still in use are soon
    cached again.
    """

    def __init__(
        self, senders: SenderCache, lanes: Sequence[Sequence[int]], *, max_subjects: int = MAX_CACHED_SUBJECTS
    ) -> None:
        self._senders, self._max_subjects = senders, max_subjects
        self._lanes = len(lanes)
        self._lane_of = {str(shard): lane for lane, shards in enumerate(lanes) for shard in shards}
        self._subjects: dict[str, SubjectInfo] = {}

    @property
    def subjects(self) -> int:
        """How many subjects are cached."""
        return len(self._subjects)

    def read(self, messages: Sequence[Message], stream_epoch: str) -> list[WriteBatch]:
        """One batch per lane from `messages`, which are in stream order and not empty."""
        slices = self.empty(stream_epoch)
        self.fill(slices, messages)
        return slices

    def empty(self, stream_epoch: str) -> list[WriteBatch]:
        """One empty batch per lane, for messages of this incarnation of the stream."""
        self._senders.begin(stream_epoch)
        return [WriteBatch(stream_epoch) for _ in range(self._lanes)]

    def fill(self, slices: Sequence[WriteBatch], messages: Sequence[Message]) -> None:
        """Append messages (in stream order, not empty) to the batches of their lanes.

        Every batch then covers the stream up to the last message, also if none of the messages was of its
        lane.
        """
        last = messages[-1]
        for slice_ in slices:
            slice_.sequence, slice_.received_ns = last.sequence, last.timestamp_ns
        for message in messages:
            source = self._subjects.get(message.subject)
            try:
                if source is None:
                    self._first(message, slices)
                else:
                    self._one(message, read(source.address, message), source.sender, slices[source.lane])
            except MalformedHeartbeatError as error:
                lane = self._lane_of.get(message.subject.split(".")[2])
                if lane is not None:
                    slices[lane].aside.append((message, str(error)))
                    self._refused(message, error, slices[lane])

    def _first(self, message: Message, slices: Sequence[WriteBatch]) -> None:
        """Handle a message on an unknown subject; the subject is cached only if the heartbeat is valid, and its
        sender is taken.
        """
        lane = self._lane_of.get(message.subject.split(".")[2])
        address = None if lane is None else decode_subject(message.subject)
        if lane is None or address is None:
            return
        beat = read(address, message)
        refusal = self._senders.refuses(address, message.timestamp_ns)
        if refusal is not None:
            if refusal.is_kept:
                slices[lane].over_limit.append((message, refusal.reason))
            return
        sender = self._senders.of(address)
        if len(self._subjects) >= self._max_subjects:
            self.forget()
        self._subjects[message.subject] = SubjectInfo(lane, address, sender)
        self._one(message, beat, sender, slices[lane])

    def _refused(self, message: Message, error: MalformedHeartbeatError, slice_: WriteBatch) -> None:
        """Note with its sender, if it is known, a heartbeat of which nothing can be made."""
        if not isinstance(error, RefusedHeartbeatError) or error.source is None:
            return
        address = decode_subject(message.subject)
        sender = None if address is None else self._senders.known(address)
        if sender is not None and sender.last is not None:
            sender.note_unfit(message.timestamp_ns, str(error)[:MAX_REASON], refused=True)
            slice_.heard.append(sender)
            metrics.heartbeats_unfit.labels(sender.last.address.kind, "refused").inc()

    def forget(self) -> None:
        """Clear the subject cache, which holds references to senders: needed after senders were evicted."""
        self._subjects.clear()

    def _one(self, message: Message, beat: Beat, sender: Sender, slice_: WriteBatch) -> None:
        address = beat.address
        same = unchanged(beat, sender.last)
        counts, observations = self._senders.on_heartbeat(sender, beat, same=same)
        head = sender.head if same and sender.head else row_head(beat)
        if observations:
            slice_.observations += observations
        if beat.unfit is not None:
            sender.note_unfit(beat.received_ns, beat.unfit, refused=False)
            metrics.heartbeats_unfit.labels(address.kind, "cut").inc()
        if counts:
            sender.head = head
            before = slice_.newest.get(address.sender)
            if before is None:
                slice_.heard.append(sender)
            else:
                slice_.rows[before] = slice_.rows[before].removesuffix(NEWEST) + OLDER
            slice_.newest[address.sender] = len(slice_.rows)
        rest = progress_columns(sender.progress_state) + NEWEST if counts else UNJUDGED + OLDER
        slice_.rows.append(row(head, beat) + rest)
        slice_.messages.append(message)
        if address.kind == "supervisor":
            slice_.supervisors += 1
