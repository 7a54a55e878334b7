"""What HTTP takes. Unknown members are refused: a misspelt one would be ignored in silence."""

from typing import Annotated, Final, Literal, cast, get_args, get_type_hints

from makima_schemas import heartbeat
from makima_schemas.contract.model import ContractStatus, Id, Name, Phase, QuestionType, Seconds
from msgspec import Meta
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from services.gateway.access import Role

POSITIVE_BIGINT = 2**63 - 1


def _storable(text: str) -> str:
    if "\0" in text:
        raise ValueError("a text cannot hold the character U+0000")
    return text


Text = Annotated[str, AfterValidator(_storable)]
Title = Annotated[Name, AfterValidator(_storable)]
BatchOperation = Literal["archive_old", "pause_all", "resume_all", "cleanup_archived", "restart_stale", "cleanup_worktrees"]
Version = Annotated[int, Field(ge=0, le=POSITIVE_BIGINT)]


class Body(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NewContract(Body):
    """`phases` replaces the type's own list."""

    name: Title
    contract_type: Title = "simple"
    description: Text = ""
    phase_guard: bool = False
    auto_complete_enabled: bool | None = None
    phases: tuple[Phase, ...] | None = None
    stale_after_seconds: Annotated[Seconds, Field(le=POSITIVE_BIGINT)] | None = None


class Act(Body):
    """Of start, pause, resume, block, unblock, fail, reopen, complete, archive."""

    reason: Text | None = None
    expected_version: Version | None = None


class Restart(Body):
    """Of a supervisor."""

    reason: Text | None = None


class NewStatus(Body):
    """`waiting_for_input` and `completing` cannot be set; `created` is where everything begins."""

    status: Literal["active", "paused", "blocked", "completed", "failed", "archived"]
    reason: Text | None = None
    expected_version: Version | None = None


class NewPhase(Body):
    phase: Text
    expected_version: Version | None = None
    confirmed: bool = False
    force: bool = False
    dry_run: bool = False
    reason: Text | None = None


class Switch(Body):
    enabled: bool


class DeliverableDone(Body):
    """`phase` null means the current one."""

    phase: Text | None = None
    evidence: Text | None = None


class NewTask(Body):
    name: Title
    phase: Text | None = None
    role: Id | None = None
    plan: Text | None = None


class Claim(Body):
    role: Id
    connection_id: Text | None = None


class TaskStep(Body):
    """Of start and release; no connection: the daemon or a person speaks."""

    connection_id: Text | None = None


class TaskDone(Body):
    success: bool
    result: Text | None = None
    connection_id: Text | None = None


class HandOff(Body):
    """Completes the task and makes one for `to_role`."""

    to_role: Id
    result: Text | None = None
    connection_id: Text | None = None


class NewQuestion(Body):
    question: Text
    question_type: QuestionType = "text"
    options: tuple[Text, ...] = ()


class NewAnswer(Body):
    answer: Text


class NewMessage(Body):
    role: Id
    content: Text


class Batch(Body):
    """`older_than_hours` counts from `status_changed_at`: 168 for what archives or cleans up, else as long as may be."""

    operation: BatchOperation
    older_than_hours: Annotated[float, Field(ge=0, le=876_000, allow_inf_nan=False)] | None = None
    status_filter: Annotated[tuple[ContractStatus, ...], Field(min_length=1)] | None = None
    dry_run: bool = False


class NewToken(Body):
    """`owner`: whose contracts it is for; a daemon's may leave it out. `daemon_id` is for the role daemon alone."""

    role: Role
    owner: Id | None = None
    daemon_id: Id | None = None


def _bounds(annotated: object) -> Meta:
    return cast("Meta", get_args(annotated)[1])


_NAME: Final = _bounds(heartbeat.Name)
_COUNT: Final = _bounds(heartbeat.Count)
_AGENTS: Final = _bounds(get_type_hints(heartbeat.DaemonHeartbeat, include_extras=True)["agents"])
SenderName = Annotated[Text, Field(max_length=_NAME.max_length)]
SenderCount = Annotated[int, Field(ge=cast("int", _COUNT.ge), le=cast("int", _COUNT.le))]


class DaemonBeat(Body):
    """Bound as a heartbeat is: what its recorder would set aside must not be answered as taken."""

    hostname: SenderName
    agents: Annotated[tuple[SenderName, ...], Field(max_length=_AGENTS.max_length)] = ()
    worktrees: SenderCount = 0
    capacity: SenderCount = 0
