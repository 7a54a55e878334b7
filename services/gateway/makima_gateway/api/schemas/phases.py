"""Request and response schemas of phases, deliverables and completion."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus, TaskStatus

from makima_gateway.http.bodies import Body, Flag, Text, Version

ConditionState = Literal["met", "missing", "unknown", "not_required"]


@dataclass(frozen=True, slots=True)
class AutoCompleteSummary:
    """The contract after its automatic completion was switched (the plan's ContractSummary, task 2.4)."""

    id: str
    name: str
    status: ContractStatus
    phase: str
    version: int
    auto_complete_enabled: bool


@dataclass(frozen=True, slots=True)
class PhaseTrial:
    """The result of a phase change with `dry_run`."""

    would_succeed: bool
    code: str | None  # the error code that the change would be refused with
    # what the gate still requires, e.g. `Deliverable: plan-document`, `1 tasks incomplete`
    missing: list[str]
    deliverables: list[str]  # ids of deliverables: those that a person confirms when the phase is guarded


@dataclass(frozen=True, slots=True)
class Who:
    """Whose turn it is. Of an agent: its role, null if any may; its status, null if it is not there."""

    kind: Literal["person", "agent", "service"]
    role: str | None = None
    agent_status: AgentStatus | None = None


@dataclass(frozen=True, slots=True)
class GateAct:
    """A request that satisfies a condition."""

    method: Literal["POST", "PUT"]
    path: str
    body: dict[str, object]


@dataclass(frozen=True, slots=True)
class GateCondition:
    """One thing that the contract needs to leave its phase.

    `unknown`: a validator that has not said, or a guard whose turn comes after the rest.
    """

    kind: Literal["deliverable", "tasks", "task", "validator", "switch", "guard"]
    id: str  # of the deliverable or the task; a task that is required by its name and does not exist has its name
    name: str
    state: ConditionState
    since: datetime | None = None  # when it last changed; null: not known
    evidence: str | None = None  # a task's result, a validator's reason
    who: Who | None = None
    act: GateAct | None = None
    task_status: TaskStatus | None = None  # of a task that exists: pending, claimed, running and so on


@dataclass(frozen=True, slots=True)
class PhaseReadiness:
    """Whether the gate of the current phase is satisfied."""

    phase: str
    ready: bool
    # what the gate still requires, e.g. `Deliverable: plan-document`, `1 tasks incomplete`
    missing: list[str]
    auto_advance_enabled: bool  # True: the contract advances by itself once its gate is satisfied
    next_phase: str | None  # null: it is in its last one
    conditions: list[GateCondition]  # all of them, met or not
    evaluated_by: str
    evaluated_at: datetime
    evaluated_version: int  # of the contract


@dataclass(frozen=True, slots=True)
class CompletionCheck:
    """What the completion-detector found."""

    ready: bool
    # the gate of the last phase requires something and is satisfied: the contract completes, if its switches
    # are on
    would_complete: bool
    missing: list[str]  # what is still required


class NewPhase(Body):
    """A phase to change to."""

    phase: Text
    expected_version: Version | None = None
    confirmed: Flag = False  # a person confirms the change; required if the contract has a phase guard
    force: Flag = False  # skip the checks of the order of phases and of the gate
    dry_run: Flag = False  # change nothing, and answer a `PhaseTrial`
    reason: Text | None = None


class Switch(Body):
    enabled: Flag


class DeliverableDone(Body):
    """Completion of a deliverable. `phase` null means the contract's current phase."""

    phase: Text | None = None
    evidence: Text | None = None
