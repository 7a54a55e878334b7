"""Some messages of the heartbeat stream on their way into the database: the rows, as COPY reads them, and what follows from them."""

from dataclasses import dataclass, field
from typing import Final

from makima_kernel.bus.message import Message

from services.supervisor_heartbeat.domain.heartbeats import Address, Beat, UnreadableError, read, read_subject, unchanged
from services.supervisor_heartbeat.domain.senders import Observation, Sender, Senders, moment

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
NEWEST: Final = "\tt\n"
OLDER: Final = "\tf\n"
_NULL: Final = "\\N"
_ESCAPES: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


@dataclass(slots=True)
class Slice:
    """All messages up to `sequence`, heartbeats or not, the last of them received at `received_ns`.

    `rows` are lines of COPY's text format, `messages` what they were read from; `aside` are the messages that are no heartbeats,
    with the reason; `heard` are the senders with news of themselves, and `observations` what may be news for the log.
    """

    stream_epoch: str
    sequence: int
    received_ns: int
    rows: list[str] = field(default_factory=list[str])
    messages: list[Message] = field(default_factory=list[Message])
    aside: list[tuple[Message, str]] = field(default_factory=list[tuple[Message, str]])
    heard: dict[str, Sender] = field(default_factory=dict[str, Sender])
    observations: list[tuple[Sender, Observation]] = field(default_factory=list[tuple[Sender, Observation]])
    supervisors: int = 0

    def halves(self) -> "tuple[Slice, Slice]":
        """The rows in two slices, in order: to find the one that the database does not take."""
        middle = len(self.rows) // 2
        until = self.messages[middle - 1]
        first = Slice(self.stream_epoch, until.sequence, until.timestamp_ns, self.rows[:middle], self.messages[:middle])
        return first, Slice(self.stream_epoch, self.sequence, self.received_ns, self.rows[middle:], self.messages[middle:])


class Reader:
    """Turns messages into slices; a subject that it has understood once it knows, and who sends on it."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._sources: dict[str, tuple[Address, Sender] | None] = {}
        self._second = (0, "")

    def read(self, messages: list[Message], stream_epoch: str) -> Slice:
        """`messages` are in the order of the stream and not empty."""
        self._senders.stream_epoch = stream_epoch
        slice_ = Slice(stream_epoch, messages[-1].sequence, messages[-1].timestamp_ns)
        newest: dict[str, int] = {}
        for message in messages:
            try:
                self._one(message, slice_, newest)
            except UnreadableError as error:
                slice_.aside.append((message, str(error)))
        return slice_

    def _one(self, message: Message, slice_: Slice, newest: dict[str, int]) -> None:
        source = self._source(message.subject)
        if source is None:
            return
        address, sender = source
        beat = read(address, message, sender.last)
        same = unchanged(beat, sender.last)
        counts, observations = self._senders.hear(sender, beat, same=same)
        head = sender.head if same and sender.head else _head(beat)
        if counts:
            sender.head = head
            before = newest.get(address.sender)
            if before is not None:
                slice_.rows[before] = slice_.rows[before].removesuffix(NEWEST) + OLDER
            newest[address.sender] = len(slice_.rows)
            slice_.heard[address.sender] = sender
            if observations:
                slice_.observations += observations
        slice_.rows.append(self._row(head, beat) + (NEWEST if counts else OLDER))
        slice_.messages.append(message)
        if address.kind == "supervisor":
            slice_.supervisors += 1

    def _source(self, subject: str) -> tuple[Address, Sender] | None:
        try:
            return self._sources[subject]
        except KeyError:
            address = read_subject(subject)
            source = self._sources[subject] = None if address is None else (address, self._senders.of(address))
            return source

    def _row(self, head: str, beat: Beat) -> str:
        seconds, rest = divmod(beat.received_ns, 1_000_000_000)
        if seconds != self._second[0]:
            self._second = (seconds, moment(seconds * 1_000_000_000).strftime("%Y-%m-%d %H:%M:%S"))
        progress = _NULL if beat.progress is None else beat.progress
        activity, detail = _text(beat.activity), _NULL if beat.detail is None else _text(beat.detail)
        return f"{self._second[1]}.{rest // 1000:06}+00\t{beat.sequence}\t{head}\t{activity}\t{progress}\t{detail}"


def _head(beat: Beat) -> str:
    """What rarely changes of a sender's rows."""
    known = (beat.address.sender, beat.contract_id, beat.address.daemon_id, beat.connection_id, beat.state, beat.phase)
    return "\t".join(_text(each) for each in known)


def _text(text: str | None) -> str:
    if text is None:
        return _NULL
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
