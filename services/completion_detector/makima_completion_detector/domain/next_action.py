"""What to ask of a contract: a table of cases, read from the top; the first that fits is the answer."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.model import ACTIVE_STATUSES, CompletedBy, ContractStatus
from makima_schemas.gate import Readiness

from makima_completion_detector.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Switches:
    """The global ones: `feature` is the flag `auto_complete`, `advance` is `contracts.auto_advance_phases`."""

    feature: bool = True
    advance: bool = True


@dataclass(frozen=True, slots=True)
class Nothing:
    """Nothing to ask; `why` is for the log and for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """The gate is satisfied, but a switch keeps us from asking: that is recorded, and no more."""

    why: str


@dataclass(frozen=True, slots=True)
class Validate:
    """All is there but the verdict of the gate's validator on this work."""

    validator: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """A person must confirm the way on."""


@dataclass(frozen=True, slots=True)
class Advance:
    to: str


@dataclass(frozen=True, slots=True)
class Complete:
    """The last phase is satisfied."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Completion began, but the gate is open again."""

    reason: str


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Completion began: have the worktrees removed, then complete."""


Action = Nothing | Record | Validate | Confirm | Advance | Complete | Abort | CleanUp


@dataclass(frozen=True, slots=True)
class Evaluation:
    contract: Snapshot
    gate: Readiness
    on: Switches
    forced: bool


@dataclass(frozen=True, slots=True)
class Case:
    when: Callable[[Evaluation], bool]
    then: Callable[[Evaluation], Action]


def would_complete(contract: Snapshot) -> bool:
    """Whether the contract's end has come, as far as its gate is asked; whatever the switches say."""
    return contract.status in ACTIVE_STATUSES and contract.following is None and contract.readiness().by_gate


def cleaned(*, held: bool, removed: bool, expired: bool) -> CompletedBy | None:
    """How the clean-up has ended: nobody held a worktree, all have `removed` theirs, or its time is over; None: it goes on."""
    if not held:
        return "no_worktrees"
    if removed:
        return "cleanup_done"
    return "cleanup_deadline" if expired else None


def next_action(contract: Snapshot, on: Switches, *, insisted: bool = False) -> Action:
    """What to ask of `contract` now, under the global switches; `insisted`: somebody has asked for this look."""
    look = Evaluation(contract, contract.readiness(), on, insisted)
    return next(case.then(look) for case in CASES if case.when(look))


def _completing(look: Evaluation) -> bool:
    return look.contract.status is ContractStatus.COMPLETING


def _unjudged(look: Evaluation) -> bool:
    """Only the validator's verdict is missing, and it has not yet seen this work, or somebody wants it to look again."""
    verdict = look.contract.verdict
    return look.contract.awaits_verdict and (look.forced or verdict is None or verdict.about < look.contract.worked)


def _guarded(look: Evaluation) -> bool:
    """The guard is on the way to a next phase; the end of the last one needs no confirmation."""
    return look.contract.phase_guard and look.contract.following is not None


def _person_asked(look: Evaluation) -> bool:
    return look.contract.waiting_for == "phase_confirmation"


def _at_rest(look: Evaluation) -> bool:
    """It was complete before it was reopened: to complete it again at once would make the reopening void."""
    return look.contract.rests and look.contract.following is None and not look.forced


CASES: Final[tuple[Case, ...]] = (
    Case(lambda look: look.contract.status not in ACTIVE_STATUSES, lambda look: Nothing(f"the contract is {look.contract.status}")),
    # What was begun is brought to its end, whatever the switches say since: nothing else ends `completing`.
    Case(lambda look: _completing(look) and look.gate.ready,     lambda _: CleanUp()),
    Case(_completing,                                            lambda look: Abort(", ".join(look.gate.missing))),
    Case(lambda look: look.on.feature and _unjudged(look),       lambda look: Validate(look.contract.current.gate.validator or "")),
    Case(lambda look: not look.gate.ready,                       lambda look: Nothing(", ".join(look.gate.missing))),
    Case(lambda look: not look.gate.by_gate,                     lambda _: Nothing("the phase requires nothing, and never ends by itself")),
    Case(lambda look: not look.on.feature,                       lambda _: Record("the feature flag auto_complete is off")),
    Case(lambda look: not look.contract.auto_complete,           lambda _: Record("auto-complete is off for this contract")),
    Case(lambda look: _guarded(look) and _person_asked(look),    lambda _: Nothing("a person is asked already")),
    Case(_guarded,                                               lambda _: Confirm()),
    Case(lambda look: not look.contract.current.gate.auto_advance, lambda _: Record("auto-advance is off for this phase")),
    Case(_at_rest,                                               lambda _: Nothing("it was reopened, and nothing was done since")),
    Case(lambda look: look.contract.following is None,           lambda _: Complete()),
    Case(lambda look: not look.on.advance,                       lambda _: Record("contracts.auto_advance_phases is off")),
    Case(lambda _: True,                                         lambda look: _advance(look.contract)),
)  # fmt: skip


def _advance(contract: Snapshot) -> Advance:
    assert contract.following is not None
    return Advance(contract.following.name)
