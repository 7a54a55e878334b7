"""What a rule of the diagnosis finds, and the request that helps."""

from dataclasses import dataclass
from datetime import datetime

from makima_schemas.contract.model import NOT_RESTARTED_STATUSES

from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found."""

    text: str
    since: datetime
    act: str  # what to do next: a request of this API, if one does it; else a sentence
    proof: Evidence


def restart(found: ContractFacts, what: str) -> str:
    """The request that restarts `what`, such as `supervisor`; in a paused contract it is refused until that is resumed."""
    first = "resume the contract, then " if found.contract.status in NOT_RESTARTED_STATUSES else ""
    return f"{first}POST {path_of(found, f'{what}/restart')}"


def path_of(found: ContractFacts, rest: str) -> str:
    return f"/api/v1/contracts/{found.contract.id}/{rest}"
