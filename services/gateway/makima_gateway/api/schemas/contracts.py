"""What HTTP answers, as interfaces.md fixes it. Times are RFC 3339, UTC, `Z`, microseconds."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from makima_schemas.contract.model import ContractStatus, Phase, Seconds, WaitingFor
from pydantic import Field

from makima_gateway.http.bodies import POSITIVE_BIGINT, Body, Text, Title, Version
from makima_gateway.read_model.legacy_status import LegacyStatus


@dataclass(frozen=True, slots=True)
class Deliverable:
    phase: str
    id: str
    name: str
    completed: bool
    completed_at: str | None


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """Without the supervisor task: it drives the contract and never counts."""

    total: int
    pending: int
    claimed: int
    running: int
    completed: int
    failed: int


@dataclass(frozen=True, slots=True)
class Contract:
    id: str
    name: str
    description: str
    contract_type: str
    owner_id: str
    status: ContractStatus
    legacy_status: LegacyStatus
    phase: str
    phases: list[str]
    version: int
    phase_guard: bool
    auto_complete_enabled: bool
    deliverables: list[Deliverable]
    tasks: TaskCounts
    waiting_for: WaitingFor | None
    blocked_reason: str | None
    failure_reason: str | None
    stale: bool
    created_at: datetime
    updated_at: datetime
    status_changed_at: datetime
    last_activity_at: datetime
    completion_detected_at: datetime | None


@dataclass(frozen=True, slots=True)
class ContractPage:
    items: list[Contract]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class EventPage:
    """CloudEvents 1.0."""

    items: list[dict[str, object]]
    next_cursor: str | None


class NewContract(Body):
    """`phases` replaces the type's own list."""

    name: Title
    contract_type: Title = "simple"
    description: Text = ""
    phase_guard: bool = False
    auto_complete_enabled: bool | None = None
    phases: tuple[Phase, ...] | None = None
    stale_after_seconds: Annotated[Seconds, Field(le=POSITIVE_BIGINT)] | None = None


class ActionRequest(Body):
    """Of start, pause, resume, block, unblock, fail, reopen, complete, archive."""

    reason: Text | None = None
    expected_version: Version | None = None


class NewStatus(Body):
    """`waiting_for_input` and `completing` cannot be set; `created` is where everything begins."""

    status: Literal["active", "paused", "blocked", "completed", "failed", "archived"]
    reason: Text | None = None
    expected_version: Version | None = None
