"""Request and response schemas of phases, deliverables and completion."""

from dataclasses import dataclass

from makima_schemas.contract.model import ContractStatus

from makima_gateway.http.bodies import Body, Flag, Text, Version


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
class PhaseReadiness:
    """Whether the gate of the current phase is satisfied."""

    phase: str
    ready: bool
    # what the gate still requires, e.g. `Deliverable: plan-document`, `1 tasks incomplete`
    missing: list[str]
    auto_advance_enabled: bool  # True: the contract advances by itself once its gate is satisfied


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
