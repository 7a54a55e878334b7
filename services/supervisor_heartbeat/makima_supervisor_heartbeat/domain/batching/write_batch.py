"""What is written to the database at once: rows as COPY reads them, the messages they come from, and what follows from them."""

from dataclasses import dataclass, field
from typing import Final

from makima_kernel.event_log.copy_text import NULL, copy_text
from makima_kernel.nats.message import Message

from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender_cache import Observation, Sender, rfc3339_of

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
MAX_SLICE_ROWS: Final = 2000  # of a slice: one statement with more stalls the loop (field-notes)
NEWEST: Final = "\tt\n"
OLDER: Final = "\tf\n"


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


def _is_supervisors(message: Message) -> bool:
    return message.subject.split(".")[3] == "supervisor"


def row(head: str, beat: Beat) -> str:
    progress = NULL if beat.progress is None else beat.progress
    activity, detail = copy_text(beat.activity), copy_text(beat.detail)
    return f"{rfc3339_of(beat.received_ns)}\t{beat.sequence}\t{head}\t{activity}\t{progress}\t{detail}"


def row_head(beat: Beat) -> str:
    """What rarely changes of a sender's rows."""
    known = (beat.address.sender, beat.contract_id, beat.address.daemon_id, beat.connection_id, beat.state, beat.phase)
    return "\t".join(copy_text(each) for each in known)
