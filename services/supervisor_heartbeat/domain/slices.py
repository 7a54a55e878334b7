"""Some messages of the heartbeat stream on their way into the database: the rows, as COPY reads them, and what follows from them."""

from dataclasses import dataclass, field
from typing import Final

from makima_kernel.bus.message import Message

from services.supervisor_heartbeat.domain.heartbeats import Address, Beat, UnreadableError, read, read_subject
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
    """Turns messages into slices; the subjects it has understood once it knows."""

    def __init__(self, senders: Senders) -> None:
        self._senders = senders
        self._addresses: dict[str, Address | None] = {}
        self._second = (0, "")

    def read(self, messages: list[Message], stream_epoch: str) -> Slice:
        """`messages` are in the order of the stream and not empty."""
        self._senders.stream_epoch = stream_epoch
        slice_ = Slice(stream_epoch, messages[-1].sequence, messages[-1].timestamp_ns)
        newest: dict[str, int] = {}
        for message in messages:
            try:
                address = self._address(message.subject)
                if address is None:
                    continue
                beat = read(address, message, self._senders.previous(address))
                sender, observations = self._senders.hear(beat)
            except UnreadableError as error:
                slice_.aside.append((message, str(error)))
                continue
            row = self._row(beat)
            if sender is None:
                row += OLDER
            else:
                before = newest.get(address.sender)
                if before is not None:
                    slice_.rows[before] = slice_.rows[before].removesuffix(NEWEST) + OLDER
                newest[address.sender] = len(slice_.rows)
                slice_.heard[address.sender] = sender
                slice_.observations += observations
                row += NEWEST
            slice_.rows.append(row)
            slice_.messages.append(message)
            slice_.supervisors += address.kind == "supervisor"
        return slice_

    def _address(self, subject: str) -> Address | None:
        try:
            return self._addresses[subject]
        except KeyError:
            address = self._addresses[subject] = read_subject(subject)
            return address

    def _row(self, beat: Beat) -> str:
        address = beat.address
        seconds, rest = divmod(beat.received_ns, 1_000_000_000)
        if seconds != self._second[0]:
            self._second = (seconds, moment(seconds * 1_000_000_000).strftime("%Y-%m-%d %H:%M:%S"))
        state = _NULL if beat.state is None else beat.state.value
        progress = _NULL if beat.progress is None else beat.progress
        return (
            f"{self._second[1]}.{rest // 1000:06}+00\t{beat.sequence}\t{address.sender}\t{beat.contract_id or _NULL}\t"
            f"{address.daemon_id or _NULL}\t{beat.connection_id or _NULL}\t{state}\t{_text(beat.phase)}\t{_text(beat.activity)}\t"
            f"{progress}\t{_text(beat.detail)}"
        )


def _text(text: str | None) -> str:
    if text is None:
        return _NULL
    return text if text.isprintable() and "\\" not in text else text.translate(_ESCAPES)
