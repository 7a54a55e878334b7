"""Queries by request/reply (`makima.commands.<service>.<query>`) and their answers, beside `"ok": true`."""

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import Field, WrapValidator
from typing_extensions import TypedDict

from makima_schemas.commands import Request
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT, ID_PATTERN
from makima_schemas.supervisor import DeclareSilent

MAX_HISTORY_HEARTBEATS: Final = 500
MAX_VERDICTS: Final = 4096  # of each kind in one message; its 512 KiB hold fewer


def _as_it_came(item: object, _validate: object) -> object:
    return item


# An item of a batch: the schema shows what it has to be, but who answers decodes each by itself, so that one
# that does not fit is refused alone.
DECODED_APART: Final = WrapValidator(_as_it_came)


@dataclass(frozen=True, slots=True)
class TryChangePhase:
    """Asks how a phase change would be answered, without making it (`dry_run`)."""

    contract_id: Annotated[str, Field(pattern=ID_PATTERN)]
    phase: str
    confirmed: bool = False
    force: bool = False
    reason: str | None = None
    expected_version: int | None = None
    tenant: str = DEFAULT_TENANT


class PhaseTrial(TypedDict):
    would_succeed: bool
    code: ErrorCode | None
    missing: list[str]
    deliverables: list[str]


@dataclass(frozen=True, slots=True)
class CheckCompletion:
    """Asks whether a contract is done and what is missing; it is evaluated, where the switches are on."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class CompletionCheck(TypedDict):
    ready: bool
    would_complete: bool
    missing: list[str]


@dataclass(frozen=True, slots=True)
class CleanupWorktrees:
    """Asks the daemons that ran a contract which has ended to remove what they still hold of it."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class WorktreesRemoved(TypedDict):
    daemons: list[str]


@dataclass(frozen=True, slots=True)
class Heartbeats:
    """The newest heartbeats of a supervisor, or of all senders of a contract: `task_id` or `contract_id` says
    whose.
    """

    contract_id: str | None = None
    task_id: str | None = None
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
class Status:
    """The newest heartbeat of a contract's supervisor, and whether the log calls it alive."""

    contract_id: str
    tenant: str = DEFAULT_TENANT


class SupervisorStatus(RecordedHeartbeat):
    contract_id: str
    daemon_id: str
    current_activity: str | None
    last_heartbeat: str
    alive: bool


@dataclass(frozen=True, slots=True)
class DeclareAll:
    """Verdicts by the thousand in one message; each is judged and answered by itself."""

    silent: Annotated[
        tuple[Annotated[Request[DeclareSilent], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()
    disconnected: Annotated[
        tuple[Annotated[Request[DeclareDisconnected], DECODED_APART], ...], Field(max_length=MAX_VERDICTS)
    ] = ()


class VerdictReplies(TypedDict):
    """Each as the reply to a command, in the order of the question."""

    silent: list[object]
    disconnected: list[object]


@dataclass(frozen=True, slots=True)
class Rebuild:
    """Makes a projection's tables anew, beside the live ones; answered once the new ones are the live ones."""


class Rebuilt(TypedDict):
    projection: str
    position: int
