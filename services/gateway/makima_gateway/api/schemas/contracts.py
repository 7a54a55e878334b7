"""Request and response schemas of contracts (interfaces.md).

Times are RFC 3339 in UTC with `Z` and microseconds.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.contract.model import ContractStatus, Seconds, WaitingFor
from makima_schemas.contract.new_phases import NewPhases

from makima_gateway.http.bodies import Body, Flag, Text, Title, Version
from makima_gateway.read_model.contract_rows import ContractSupervisor, Row, TaskCounts
from makima_gateway.read_model.legacy_status import LegacyStatus


@dataclass(frozen=True, slots=True)
class Deliverable:
    phase: str
    id: str
    name: str
    completed: bool
    completed_at: str | None  # RFC 3339


@dataclass(frozen=True, slots=True)
class ListedContract:
    """A contract in a list: without its description, which may have 256 KiB."""

    id: str
    name: str
    contract_type: str
    owner_id: str
    status: ContractStatus
    legacy_status: LegacyStatus  # one of the three statuses from before `enhanced_contract_status` (plan 1.4)
    phase: str  # the current phase, one of `phases`
    phases: list[str]  # names, in order
    version: int  # number of events in the contract's stream; also the ETag
    phase_guard: bool  # True: each phase change must be confirmed by a person
    # True: the contract advances and completes by itself when its gates are satisfied
    auto_complete_enabled: bool
    deliverables: list[Deliverable]
    tasks: TaskCounts
    waiting_for: WaitingFor | None  # set in status `waiting_for_input`
    blocked_reason: str | None  # set in status `blocked`
    failure_reason: str | None  # set in status `failed`
    stale: bool  # True: the stale-detector found no activity for too long
    created_at: datetime
    updated_at: datetime  # of the last event in the contract's stream
    status_changed_at: datetime
    last_activity_at: datetime  # of the last event or heartbeat that counts as activity (domain.md, Activity)
    completion_detected_at: datetime | None
    # when anything changed: its last event, or its supervisor's last progress; heartbeats do not count
    progress_at: datetime
    supervisor: ContractSupervisor | None  # that drives it; null: none was ever heard


@dataclass(frozen=True, slots=True)
class Contract(ListedContract):
    description: str
    # what the phase's gate still needs, e.g. `["plan-document", "1 of 2 tasks"]`; empty: nothing
    next_gate: list[str]


@dataclass(frozen=True, slots=True)
class ContractPage:
    items: list[ListedContract]
    next_cursor: str | None
    total: int | None  # on all pages; null: to count them took too long


@dataclass(frozen=True, slots=True)
class RowPage:
    items: list[Row]
    next_cursor: str | None
    total: int | None  # on all pages; null: to count them took too long


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events as CloudEvents 1.0, in order of version."""

    items: list[dict[str, object]]
    next_cursor: str | None


class NewContract(Body):
    """A contract to create. `phases` replaces the list of phases of `contract_type`."""

    name: Title
    contract_type: Title = "simple"
    description: Text = ""
    phase_guard: Flag = False
    auto_complete_enabled: Flag | None = None  # null: the service's default
    phases: NewPhases | None = None
    stale_after_seconds: Seconds | None = None


class ActionRequest(Body):
    """Body of the actions start, pause, resume, block, unblock, fail, reopen, complete and archive.

    `reason` is recorded by pause, block, fail and reopen. With another version than `expected_version` the
    action is refused.
    """

    reason: Text | None = None
    expected_version: Version | None = None


class NewStatus(Body):
    """A status to set.

    `created`, `waiting_for_input` and `completing` cannot be set: a contract enters them by itself.
    """

    status: Literal["active", "paused", "blocked", "completed", "failed", "archived"]
    reason: Text | None = None
    expected_version: Version | None = None
