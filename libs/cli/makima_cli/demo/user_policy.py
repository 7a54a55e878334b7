"""The demo user's decisions: one action at a time, from the state of its contracts alone, never from the
clock. Pure.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from makima_schemas.contract.model import ContractStatus as S
from makima_sdk.models import Contract

MOST_ACTIVE: Final = 3  # active contracts; if there are more, it pauses one
MAX_FINISHED: Final = 2  # finished contracts; if there are more, it archives the oldest

Action = Literal["start", "confirm", "answer", "pause", "resume", "reopen", "archive"]


@dataclass(frozen=True, slots=True)
class Move:
    """One action of the user on one contract."""

    contract: Contract
    action: Action
    reason: str | None = None


def reaction(contracts: Sequence[Contract], reopened: frozenset[str]) -> Move | None:
    """The most urgent action, if any. `reopened`: ids of contracts that were reopened before, and are not
    again.
    """
    by_age = sorted(contracts, key=lambda contract: (contract.created_at, contract.id))
    return next(_wishes(by_age, reopened), None)


def _wishes(by_age: Sequence[Contract], reopened: frozenset[str]) -> Iterator[Move]:
    """All possible actions, the most urgent first: answer waiting agents, limit the active contracts, reopen
    failed ones, start or resume others, archive finished ones.
    """
    active = [contract for contract in by_age if contract.status is S.ACTIVE]
    for contract in by_age:
        if contract.status is S.WAITING_FOR_INPUT:
            yield Move(contract, "confirm" if contract.waiting_for == "phase_confirmation" else "answer")
    if len(active) > MOST_ACTIVE:
        yield Move(active[-1], "pause", f"{len(active)} at once are too many")
    for contract in by_age:
        if contract.status is S.FAILED and contract.id not in reopened:
            yield Move(contract, "reopen", "have another try")
    if len(active) < MOST_ACTIVE:
        for contract in by_age:
            if contract.status in (S.PAUSED, S.CREATED):
                yield Move(contract, "resume" if contract.status is S.PAUSED else "start")
    finished = [c for c in by_age if c.status is S.COMPLETED or (c.status is S.FAILED and c.id in reopened)]
    if len(finished) > MAX_FINISHED:
        yield Move(min(finished, key=lambda contract: contract.status_changed_at), "archive")
