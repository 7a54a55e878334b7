"""What a rule of the diagnosis finds, and the request that helps."""

from dataclasses import dataclass
from datetime import datetime

from makima_gateway.diagnosis.contract_facts import ContractFacts, Evidence


@dataclass(frozen=True, slots=True)
class Finding:
    """What a rule found."""

    text: str
    since: datetime
    act: str  # what to do next: a request of this API, if one does it; else a sentence
    proof: Evidence


def path_of(found: ContractFacts, rest: str) -> str:
    return f"/api/v1/contracts/{found.contract.id}/{rest}"
