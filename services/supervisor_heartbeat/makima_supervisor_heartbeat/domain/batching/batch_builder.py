"""Some messages of the heartbeat stream on their way into the database: the rows, as COPY reads them, and what follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import msgspec
from makima_kernel.nats.message import Message
from makima_schemas.heartbeat_codec import Address, MalformedHeartbeatError, decode_subject

from makima_supervisor_heartbeat.domain.heartbeats import Beat, read, unchanged
from makima_supervisor_heartbeat.domain.sender_cache import Observation, Sender, SenderCache, rfc3339_of

COLUMNS: Final = (
    "received_at",
    "sequence",
    "sender",
    "contract_id",
    "daemon_id",
    "connection_id",
    "state",
    "phase",
    "activity",
    "progress",
    "detail",
    "newest",
)
MAX_CACHED_SOURCES: Final = 2_000_000
MAX_SLICE_ROWS: Final = 2000  # of a slice: one statement with more stalls the loop (field-notes)
NEWEST: Final = "\tt\n"
OLDER: Final = "\tf\n"
_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class WriteBatch:
    """All messages up to `sequence`, heartbeats or not, the last of them received at `received_ns`.

    `rows` are lines of COPY's text format, `messages` what they were read from; `aside` are the messages that are no heartbeats,
    with the reason; `heard` are the senders that spoke, `newest` the row of each one's last word, and `observations` what may be
    news for the log.
    """

    stream_epoch: str
    sequence: int = 0
    received_ns: int = 0
    rows: list[str] = field(default_factory=list[str])
    messages: list[Message] = field(default_factory=list[Message])
    aside: list[tuple[Message, str]] = field(default_factory=list[tuple[Message, str]])
    heard: list[Sender] = field(default_factory=list[Sender])
    newest: dict[str, int] = field(default_factory=dict[str, int])
    observations: list[tuple[Sender, Observation]] = field(default_factory=list[tuple[Sender, Observation]])
    supervisors: int = 0

    def halves(self) -> "tuple[WriteBatch, WriteBatch]":
        """The rows in two slices, in order: to find the one that the database does not take."""
        middle = len(self.rows) // 2
        until = self.messages[middle - 1]
        first = WriteBatch(self.stream_epoch, until.sequence, until.timestamp_ns, self.rows[:middle], self.messages[:middle])
        first.supervisors = sum(_is_supervisors(message) for message in first.messages)
        second = WriteBatch(self.stream_epoch, self.sequence, self.received_ns, self.rows[middle:], self.messages[middle:])
        second.supervisors = self.supervisors - first.supervisors
        return first, second


class SubjectInfo(msgspec.Struct, frozen=True, gc=False):
    """What a subject says, once a heartbeat came on it: whose slice it belongs to, and who sends on it."""

    lane: int
    address: Address
    sender: Sender


class BatchBuilder:
    """Turns messages into slices, one for each lane; a subject that it has understood once it knows, and who sends on it.

    `lanes` are the shards of each lane. Messages of other shards are passed over. Of `most_sources` subjects it forgets all: anybody
    can think of another one, and who is still there is soon known again.
    """

    def __init__(self, senders: SenderCache, lanes: Sequence[Sequence[int]], *, most_sources: int = MAX_CACHED_SOURCES) -> None:
        self._senders, self._most_sources = senders, most_sources
        self._lanes = len(lanes)
        self._lane_of = {str(shard): lane for lane, shards in enumerate(lanes) for shard in shards}
        self._subjects: dict[str, SubjectInfo] = {}

    @property
    def subjects(self) -> int:
        """How many subjects it knows."""
        return len(self._subjects)

    def read(self, messages: Sequence[Message], stream_epoch: str) -> list[WriteBatch]:
        """`messages` are in the order of the stream and not empty."""
        slices = self.empty(stream_epoch)
        self.fill(slices, messages)
        return slices

    def empty(self, stream_epoch: str) -> list[WriteBatch]:
        self._senders.begin(stream_epoch)
        return [WriteBatch(stream_epoch) for _ in range(self._lanes)]

    def fill(self, slices: Sequence[WriteBatch], messages: Sequence[Message]) -> None:
        """The slices reach up to the last of the messages then, each with those of its lane."""
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

    def _first(self, message: Message, slices: Sequence[WriteBatch]) -> None:
        """Nothing is kept of a subject before a heartbeat is read on it."""
        lane = self._lane_of.get(message.subject.split(".")[2])
        address = None if lane is None else decode_subject(message.subject)
        if lane is None or address is None:
            return
        beat, sender = read(address, message), self._senders.of(address)
        if len(self._subjects) >= self._most_sources:
            self.forget()
        self._subjects[message.subject] = SubjectInfo(lane, address, sender)
        self._one(message, beat, sender, slices[lane])

    def forget(self) -> None:
        """Who sends on which subject."""
        self._subjects.clear()

    def _one(self, message: Message, beat: Beat, sender: Sender, slice_: WriteBatch) -> None:
        address = beat.address
        same = unchanged(beat, sender.last)
        counts, observations = self._senders.on_heartbeat(sender, beat, same=same)
        head = sender.head if same and sender.head else _head(beat)
        if counts:
            sender.head = head
            before = slice_.newest.get(address.sender)
            if before is None:
                slice_.heard.append(sender)
            else:
                slice_.rows[before] = slice_.rows[before].removesuffix(NEWEST) + OLDER
            slice_.newest[address.sender] = len(slice_.rows)
            if observations:
                slice_.observations += observations
        slice_.rows.append(_row(head, beat) + (NEWEST if counts else OLDER))
        slice_.messages.append(message)
        if address.kind == "supervisor":
            slice_.supervisors += 1


def _is_supervisors(message: Message) -> bool:
    return message.subject.split(".")[3] == "supervisor"


def _row(head: str, beat: Beat) -> str:
    progress = _NULL if beat.progress is None else beat.progress
    activity, detail = _text(beat.activity), _NULL if beat.detail is None else _text(beat.detail)
    return f"{rfc3339_of(beat.received_ns)}\t{beat.sequence}\t{head}\t{activity}\t{progress}\t{detail}"


def _head(beat: Beat) -> str:
    """What rarely changes of a sender's rows."""
    known = (beat.address.sender, beat.contract_id, beat.address.daemon_id, beat.connection_id, beat.state, beat.phase)
    return "\t".join(_text(each) for each in known)


def _text(text: str | None) -> str:
    if text is None:
        return _NULL
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
