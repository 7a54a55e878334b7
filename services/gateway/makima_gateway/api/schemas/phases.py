"""What the routes of phases take and answer."""

from dataclasses import dataclass

from makima_schemas.contract.model import ContractStatus

from makima_gateway.http.bodies import Body, Text, Version


@dataclass(frozen=True, slots=True)
class AutoCompleteSummary:
    """The plan's ContractSummary (task 2.4)."""

    id: str
    name: str
    status: ContractStatus
    phase: str
    version: int
    auto_complete_enabled: bool


@dataclass(frozen=True, slots=True)
class PhaseTrial:
    would_succeed: bool
    code: str | None
    missing: list[str]
    deliverables: list[str]


@dataclass(frozen=True, slots=True)
class PhaseReadiness:
    phase: str
    ready: bool
    missing: list[str]
    auto_advance_enabled: bool


@dataclass(frozen=True, slots=True)
class CompletionCheck:
    ready: bool
    would_complete: bool
    missing: list[str]


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
