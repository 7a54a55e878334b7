"""The events of the completion-detector's findings. Stream: `completion-<contract_id>`."""

from dataclasses import dataclass
from typing import Literal

GateAction = Literal["advance", "await_confirmation", "complete", "none"]


@dataclass(frozen=True, slots=True)
class PhaseGateSatisfied:
    """The gate of `phase` was satisfied at the contract's version `contract_version`.

    `action` is what the detector then requested of the contract.
    """

    phase: str
    contract_version: int
    action: GateAction


@dataclass(frozen=True, slots=True)
class CompletionDetected:
    """The contract is completing: its last phase was satisfied at the contract's version `contract_version`.

    Recorded once per completion.
    """

    phase: str
    contract_version: int


CompletionEvent = PhaseGateSatisfied | CompletionDetected
