"""A batch of heartbeats for one transaction: COPY rows, their messages, and observations."""

from dataclasses import dataclass, field
from typing import Final

from makima_kernel.event_log.copy_text import NULL, copy_text
from makima_kernel.nats.message import Message

from makima_supervisor_heartbeat.domain.broker_time import rfc3339_of
from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.progress import ProgressState
from makima_supervisor_heartbeat.domain.sender import Observation, Sender

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
    "seq",
    "progress_ns",
    "judged_ns",
    "newest",
)
MAX_SLICE_ROWS: Final = 2000  # rows of a batch: a statement with more stalls the event loop (field-notes)
NEWEST: Final = "\tt\n"  # end of a COPY line, column `newest` true: the row also goes to the table `latest`
OLDER: Final = "\tf\n"  # column `newest` false: the row goes to the history only
UNJUDGED: Final = f"\t{NULL}\t{NULL}"  # the columns of progress of a row that has none


@dataclass(slots=True)
class WriteBatch:
    """The heartbeats of one lane, covering all messages of the stream up to `sequence`, heartbeats or not."""

    stream_epoch: str  # incarnation of the stream
    # Stream sequence of the last message covered.
    sequence: int = 0
    # Broker timestamp of that message, Unix ns.
    received_ns: int = 0
    # Lines in COPY's text format, with the columns COLUMNS.
    rows: list[str] = field(default_factory=list[str])
    # The message of each row, in the same order.
    messages: list[Message] = field(default_factory=list[Message])
    # Messages for the dead letters, with the reason: they are no valid heartbeats.
    aside: list[tuple[Message, str]] = field(default_factory=list[tuple[Message, str]])
    # Messages for the dead letters of senders that are refused, because their daemon has too many.
    over_limit: list[tuple[Message, str]] = field(default_factory=list[tuple[Message, str]])
    # Senders with at least one heartbeat that counts; their state is published after the commit.
    heard: list[Sender] = field(default_factory=list[Sender])
    # By sender (stream name): index in `rows` of its newest heartbeat that counts.
    newest: dict[str, int] = field(default_factory=dict[str, int])
    # Observations that may change the log; submitted after the commit.
    observations: list[tuple[Sender, Observation]] = field(default_factory=list[tuple[Sender, Observation]])
    # How many rows are of supervisors (for the metric).
    supervisors: int = 0

    def halves(self) -> "tuple[WriteBatch, WriteBatch]":
        """Split at least two rows into two batches, in order, to find a row that the database refuses."""
        middle = len(self.rows) // 2
        until = self.messages[middle - 1]
        first = WriteBatch(
            self.stream_epoch, until.sequence, until.timestamp_ns, self.rows[:middle], self.messages[:middle]
        )
        first.supervisors = sum(_is_supervisors(message) for message in first.messages)
        second = WriteBatch(
            self.stream_epoch, self.sequence, self.received_ns, self.rows[middle:], self.messages[middle:]
        )
        second.supervisors = self.supervisors - first.supervisors
        return first, second


def _is_supervisors(message: Message) -> bool:
    return message.subject.split(".")[3] == "supervisor"


def progress_columns(progress_state: ProgressState | None) -> str:
    """The columns of its progress, which follow `row`."""
    if progress_state is None:
        return UNJUDGED
    if not progress_state.columns:
        progress_state.columns = f"\t{progress_state.progress_ns}\t{progress_state.judged_ns}"
    return progress_state.columns


def row(head: str, beat: Beat) -> str:
    """The COPY line of a heartbeat, without its last three columns; `head` is `row_head(beat)`, possibly cached."""
    progress = NULL if beat.progress is None else beat.progress
    activity, detail = copy_text(beat.activity), copy_text(beat.detail)
    seq = NULL if beat.seq < 0 else beat.seq
    return f"{rfc3339_of(beat.received_ns)}\t{beat.sequence}\t{head}\t{activity}\t{progress}\t{detail}\t{seq}"


def row_head(beat: Beat) -> str:
    """The columns that rarely change between heartbeats of a sender, as COPY text;
    cached in `Sender.head`.
    """
    known = (
        beat.address.sender,
        beat.contract_id,
        beat.address.daemon_id,
        beat.connection_id,
        beat.state,
        beat.phase,
    )
    return "\t".join(copy_text(each) for each in known)
