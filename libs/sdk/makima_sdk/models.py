"""Typed responses of the HTTP API. Members that a newer server adds are ignored."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Final, Generic, TypeVar

from makima_schemas.contract.model import ContractStatus, QuestionType, TaskStatus, WaitingFor
from pydantic import TypeAdapter

T = TypeVar("T")

# Nothing is worked on in these.
ENDED: Final = frozenset({ContractStatus.COMPLETED, ContractStatus.FAILED, ContractStatus.ARCHIVED})


@dataclass(frozen=True, slots=True)
class DeliverableView:
    phase: str
    id: str
    name: str
    completed: bool
    completed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class TaskCounts:
    total: int = 0
    pending: int = 0
    claimed: int = 0
    running: int = 0
    completed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class PhaseView:
    name: str


@dataclass(frozen=True, slots=True)
class Contract:
    """A contract (interfaces.md, Contract). Pass `version` as `expected_version` to write only if the
    contract is unchanged. Times are UTC.
    """

    id: str
    name: str
    contract_type: str
    status: ContractStatus
    phase: str
    version: int
    created_at: datetime
    status_changed_at: datetime
    phases: tuple[PhaseView | str, ...] = ()
    description: str = ""
    owner_id: str = ""
    phase_guard: bool = False
    auto_complete_enabled: bool = True
    deliverables: tuple[DeliverableView, ...] = ()
    tasks: TaskCounts = TaskCounts()
    waiting_for: WaitingFor | None = None
    blocked_reason: str | None = None
    failure_reason: str | None = None
    stale: bool = False
    updated_at: datetime | None = None
    last_activity_at: datetime | None = None
    completion_detected_at: datetime | None = None

    @property
    def phase_names(self) -> tuple[str, ...]:
        return tuple(phase if isinstance(phase, str) else phase.name for phase in self.phases)

    def missing_deliverables(self) -> tuple[str, ...]:
        """Ids of the current phase's deliverables that are not completed, in the order of the phase's
        definition.
        """
        return tuple(item.id for item in self.deliverables if item.phase == self.phase and not item.completed)


@dataclass(frozen=True, slots=True)
class Task:
    id: str
    contract_id: str
    name: str
    phase: str
    status: TaskStatus
    role: str | None = None
    connection_id: str | None = None
    result: str | None = None
    plan: str | None = None
    is_supervisor: bool = False  # True: the task that drives the contract


@dataclass(frozen=True, slots=True)
class Question:
    id: str
    question: str
    status: str
    question_type: QuestionType = "text"
    options: tuple[str, ...] = ()
    answer: str | None = None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A message that could not be processed; `sender` is `<kind>:<id>`."""

    id: str
    stream: str
    consumer: str
    subject: str
    reason: str
    first_at: datetime
    excerpt: str
    truncated: bool
    sequence: int | None = None
    sender: str | None = None
    deliveries: int | None = None  # to its consumer, before it gave up; None: not known
    retry_until: datetime | None = None  # until when it may be sent again; None: that would not help


@dataclass(frozen=True, slots=True)
class MaintenanceWindow:
    """Verdicts of silence in `scope` wait until `until`; of a `planned` one from `started_at` on, which is to come."""

    scope: str
    started_at: datetime
    until: datetime
    reason: str
    started_by: str
    id: str = ""  # a server of a version before gives none
    planned: bool = False


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list."""

    items: tuple[T, ...]
    next_cursor: str | None = None  # opaque: pass it as `cursor`; None on the last page


def read(model: type[T], body: object) -> T:
    """The body of an answer as `model`."""
    return _adapter(model).validate_python(body)


@cache
def _adapter(model: type[T]) -> TypeAdapter[T]:
    """The adapter of `model`, built once per class. The one of `makima_schemas.codec` is not used: importing it
    loads every event type, which takes as long as importing the rest of this SDK.
    """
    return TypeAdapter(model)
