"""Queries by request/reply (`makima.commands.<service>.<query>`) and their answers, beside `"ok": true`."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, WrapValidator
from typing_extensions import TypedDict

from makima_schemas.agent import DeclareAgentSilent, DeclareRestartExpired
from makima_schemas.commands import Request, Version
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT, ID_PATTERN
from makima_schemas.supervisor import DeclareSilent

MAX_HISTORY_HEARTBEATS: Final = 500
MAX_BEATS: Final = 120  # of a sender, in one strip
MAX_STEP_SECONDS: Final = 3600.0
MAX_SENDERS: Final = 1000  # in one question about senders
MAX_VERDICTS: Final = 4096  # of each kind in one message; its 512 KiB hold fewer


def _as_it_came(item: object, _validate: object) -> object:
    return item


# An item of a batch: the schema shows what it has to be, but who answers decodes each by itself, so that one
# that does not fit is refused alone.
DECODED_APART: Final = WrapValidator(_as_it_came)


@dataclass(frozen=True, slots=True)
class TryChangePhase:
    """Dry run of a phase change: the answer that it would get, without changing the phase."""

    contract_id: Annotated[str, Field(pattern=ID_PATTERN)]
    phase: str
    confirmed: bool = False
    force: bool = False
    reason: str | None = None
    expected_version: Version | None = None
    tenant: str = DEFAULT_TENANT


class PhaseTrial(TypedDict):
    would_succeed: bool
    code: ErrorCode | None
    missing: list[str]
    deliverables: list[str]


@dataclass(frozen=True, slots=True)
class AskForRole:
    """Asks the contract's daemon to start an agent of the role that a pending task waits for."""

    contract_id: Annotated[str, Field(pattern=ID_PATTERN)]
    task_id: Annotated[str, Field(pattern=ID_PATTERN)]
    tenant: str = DEFAULT_TENANT


class RoleRequest(TypedDict):
    """`requested` false: nobody is starting it, for `reason`; with a `daemon_id`, that daemon refused. True with a
    `reason`: it was asked, and has not answered yet.
    """

    requested: bool
    daemon_id: str | None
    reason: str | None


@dataclass(frozen=True, slots=True)
class CheckCompletion:
    """Evaluates a contract: is it complete, what is missing. Completes it if the switches allow it."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class CompletionCheck(TypedDict):
    ready: bool
    would_complete: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class CleanupWorktrees:
    """Requests from the daemons that ran an ended contract that they remove its worktrees."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class WorktreesRemoved(TypedDict):
    daemons: list[str]  # that have removed one


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The newest heartbeats of a supervisor, of all supervisors of a contract, or of one of its agents: `task_id`,
    `contract_id`, or that and `role` says whose.
    """

    contract_id: str | None = None
    task_id: str | None = None
    role: Annotated[str, Field(pattern=ID_PATTERN)] | None = None
    limit: Annotated[int, Field(strict=True, ge=1, le=MAX_HISTORY_HEARTBEATS)] = 10
    tenant: str = DEFAULT_TENANT


class RecordedHeartbeat(TypedDict):
    task_id: str
    timestamp: str
    state: str | None
    phase: str | None
    activity: str | None
    progress: int | None
    connection_id: str | None
    pending_task_ids: list[str]


class HeartbeatHistory(TypedDict):
    heartbeats: list[RecordedHeartbeat]
    truncated: bool


@dataclass(frozen=True, slots=True)
class Beats:
    """How regularly these senders, named by their streams, were heard in the last `count` intervals."""

    streams: Annotated[tuple[str, ...], Field(max_length=MAX_SENDERS)]
    step_seconds: Annotated[float, Field(gt=0, le=MAX_STEP_SECONDS)]
    count: Annotated[int, Field(strict=True, ge=1, le=MAX_BEATS)]
    tenant: str = DEFAULT_TENANT


class BeatsAnswer(TypedDict):
    """`slots`: stream to one character for each interval up to `to`, the newest last: `1` a heartbeat on time, `l` a
    late one, `0` none, `|` a new connection, `-` none had come yet.
    """

    to: str
    slots: dict[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """The newest heartbeat of a contract's supervisor, and whether it is alive according to the event log."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class SupervisorStatus(RecordedHeartbeat):
    contract_id: str
    daemon_id: str
    current_activity: str | None
    last_heartbeat: str
    alive: bool


@dataclass(frozen=True, slots=True)
class SenderStates:
    """What the recorder's read model says of these senders, named by their streams."""

    streams: Annotated[tuple[str, ...], Field(max_length=MAX_SENDERS)]
    tenant: str = DEFAULT_TENANT


class KnownSender(TypedDict):
    """`alive`: heartbeats of it are expected. `status`: of an agent. The newest heartbeat of its current incarnation
    is at `sequence` of the stream `stream_epoch`; null: none is kept.
    """

    alive: bool
    status: str | None
    connection_id: str | None
    daemon_id: str | None
    stream_epoch: str | None
    sequence: int | None


class SenderStatesAnswer(TypedDict):
    """The read model at `position` of the log. Senders that it does not know are missing."""

    position: int
    senders: dict[str, KnownSender]


@dataclass(frozen=True, slots=True)
class LivingSenders:
    """The senders that the recorder's read model says are alive or being restarted: those of its next rows after the
    stream `after`.
    """

    after: str = ""
    tenant: str = DEFAULT_TENANT


class LivingSendersAnswer(TypedDict):
    """`next` is the `after` of the next question; null: these are the last rows."""

    streams: list[str]
    next: str | None


@dataclass(frozen=True, slots=True)
class DeclareAll:
    """Many verdicts in one message; each is decided on its own."""

    silent: Annotated[
        tuple[Annotated[Request[DeclareSilent], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()
    disconnected: Annotated[
        tuple[Annotated[Request[DeclareDisconnected], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()
    agents: Annotated[
        tuple[Annotated[Request[DeclareAgentSilent], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()
    restarts: Annotated[
        tuple[Annotated[Request[DeclareRestartExpired], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()


class VerdictReplies(TypedDict):
    """One command reply per verdict, in the same order."""

    silent: list[object]
    disconnected: list[object]
    agents: list[object]
    restarts: list[object]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Rebuilds a projection's tables beside the live ones; the reply follows the swap."""


class Rebuilt(TypedDict):
    projection: str
    position: int
