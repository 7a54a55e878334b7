"""The decisions of the demo's person: one at a time, from what stands in the contracts and in the list of what needs
a person. It leaves time to whoever watches, who may be faster. Pure.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, Literal

from makima_schemas.contract.model import TERMINAL_STATUSES
from makima_schemas.contract.model import ContractStatus as S
from makima_sdk.models import Contract

from makima_cli.demo.plan import MAX_TASK_ATTEMPTS
from makima_cli.demo.scenarios import scenario_of

MOST_ACTIVE: Final = 8  # active contracts; more are not started
MAX_COMPLETED: Final = 1  # if there are more, the one that waits longest is archived
MAX_FAILED: Final = 1
# Seconds after which each is done.
CREATED_SECONDS: Final = 15.0
HURRY_SECONDS: Final = 8.0  # to an advance that the gate refuses
SHELVE_SECONDS: Final = 12.0
SHELVED_SECONDS: Final = 90.0
PATIENCE_SECONDS: Final[Mapping[str, float]] = {
    "question": 180.0,
    "phase_confirmation": 60.0,
    "unrecoverable": 12.0,  # then the contract is blocked
    "blocked": 120.0,  # then it is given up
}

Action = Literal["start", "advance", "confirm", "answer", "pause", "resume", "block", "fail", "archive"]


@dataclass(frozen=True, slots=True)
class Need:
    """An item of `GET /needs-you`."""

    kind: str
    since: datetime
    contract_id: str
    role: str | None = None  # of `unrecoverable`


@dataclass(frozen=True, slots=True)
class Move:
    """One action of the person on one contract."""

    contract: Contract
    action: Action
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """What the person sees. `done`: contracts on which it has done something that it does once."""

    now: datetime
    contracts: Sequence[Contract]
    needs: Sequence[Need] = ()
    began: datetime | None = None  # contracts of before are of an earlier fleet
    done: AbstractSet[tuple[str, Action]] = field(default_factory=frozenset[tuple[str, Action]])

    def for_longer(self, since: datetime, seconds: float) -> bool:
        return self.now - since >= timedelta(seconds=seconds)


def reaction(seen: Seen) -> Move | None:
    """The most urgent action, if any."""
    return next(_wishes(seen), None)


def _wishes(seen: Seen) -> Iterator[Move]:
    """All possible actions, the most urgent first."""
    by_age = sorted(seen.contracts, key=lambda contract: (contract.created_at, contract.id))
    yield from _of_an_earlier_fleet(seen, by_age)
    yield from _needed(seen, {contract.id: contract for contract in by_age})
    for contract in by_age:
        yield from _asked_for(seen, contract)
    if sum(contract.status is S.ACTIVE for contract in by_age) < MOST_ACTIVE:
        yield from _startable(seen, [contract for contract in by_age if contract.status is S.CREATED])
    for status, most in ((S.COMPLETED, MAX_COMPLETED), (S.FAILED, MAX_FAILED)):
        over = [contract for contract in by_age if contract.status is status]
        if len(over) > most:
            yield Move(min(over, key=lambda contract: contract.status_changed_at), "archive")


def _of_an_earlier_fleet(seen: Seen, by_age: Sequence[Contract]) -> Iterator[Move]:
    """Their agents ended with it. The new one begins with contracts of its own."""
    for contract in by_age:
        if seen.began is None or contract.created_at >= seen.began or contract.status is S.ARCHIVED:
            continue
        if contract.status is S.CREATED or contract.status in TERMINAL_STATUSES:
            yield Move(contract, "archive")
        elif contract.status is not S.COMPLETING:
            yield Move(contract, "fail", "the demo began anew")


def _needed(seen: Seen, contracts: Mapping[str, Contract]) -> Iterator[Move]:
    for need in seen.needs:
        contract = contracts.get(need.contract_id)
        if contract is None or need.kind not in PATIENCE_SECONDS:
            continue
        if not seen.for_longer(need.since, PATIENCE_SECONDS[need.kind]):
            continue
        match need.kind:
            case "question":
                yield Move(contract, "answer")
            case "phase_confirmation":
                yield Move(contract, "confirm")
            case "blocked":
                yield Move(contract, "fail", f"given up: {contract.blocked_reason}")
            case _ if contract.status is S.ACTIVE:
                yield Move(contract, "block", f"the {need.role} does not start; its log says why")
            case _:
                pass


def _startable(seen: Seen, created: Sequence[Contract]) -> Iterator[Move]:
    """The newest one waits for a while."""
    for contract in created:
        if contract is not created[-1] or seen.for_longer(contract.created_at, CREATED_SECONDS):
            yield Move(contract, "start")


def _asked_for(seen: Seen, contract: Contract) -> Iterator[Move]:
    """What this contract's scenario has the person do."""
    scenario, since = scenario_of(contract.name), contract.status_changed_at
    match contract.status:
        case S.ACTIVE if contract.tasks.failed >= MAX_TASK_ATTEMPTS:
            yield Move(contract, "fail", f"a task failed {contract.tasks.failed} times")
        case S.ACTIVE if scenario.hurried and contract.phase == contract.phase_names[0]:
            if (contract.id, "advance") not in seen.done and seen.for_longer(since, HURRY_SECONDS):
                yield Move(contract, "advance")
        case S.ACTIVE if scenario.shelved and (contract.id, "pause") not in seen.done:
            if seen.for_longer(since, SHELVE_SECONDS):
                yield Move(contract, "pause", "after the release")
        case S.PAUSED if seen.for_longer(since, SHELVED_SECONDS):
            yield Move(contract, "resume")
        case _:
            pass
