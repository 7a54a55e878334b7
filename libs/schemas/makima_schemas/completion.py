"""What the completion-detector found. Stream: `completion-<contract_id>`."""

from dataclasses import dataclass
from typing import Literal

GateAction = Literal["advance", "await_confirmation", "complete", "none"]


@dataclass(frozen=True, slots=True)
class PhaseGateSatisfied:
    """The gate of `phase` was satisfied at version `contract_version`; `action` is what was asked of the contract."""

    phase: str
    contract_version: int
    action: GateAction


@dataclass(frozen=True, slots=True)
class CompletionDetected:
    """The contract is completing: its last phase is satisfied, at version `contract_version`; once per completion."""

    phase: str
    contract_version: int


CompletionEvent = PhaseGateSatisfied | CompletionDetected
