"""Decides the next action for a contract by the table `CASES`: the first case whose condition holds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from makima_schemas.contract.model import ACTIVE_STATUSES, CompletedBy, ContractStatus
from makima_schemas.gate import Readiness

from makima_completion_detector.domain.snapshot import Snapshot


@dataclass(frozen=True, slots=True)
class Switches:
    """The settings that switch the detector for all contracts."""

    feature: bool = True  # the feature flag `auto_complete`
    advance: bool = True  # `contracts.auto_advance_phases`: contracts change to the next phase by themselves


@dataclass(frozen=True, slots=True)
class Nothing:
    """No command and no event."""

    why: str  # for the log


@dataclass(frozen=True, slots=True)
class Record:
    """Record that the gate is satisfied, but send no command, because a switch is off."""

    why: str  # which switch; for the log


@dataclass(frozen=True, slots=True)
class Validate:
    """Run the gate's validator: only its verdict on the present work is missing."""

    validator: str  # its name in the group `makima.gate_validators`


@dataclass(frozen=True, slots=True)
class Confirm:
    """Send AwaitConfirmation: a person must confirm the change to the next phase."""


@dataclass(frozen=True, slots=True)
class Advance:
    """Send ChangePhase."""

    to: str  # the next phase


@dataclass(frozen=True, slots=True)
class Complete:
    """Send StartCompletion: the gate of the last phase is satisfied."""


@dataclass(frozen=True, slots=True)
class Abort:
    """Send AbortCompletion: the contract is completing, but its gate is no longer satisfied."""

    reason: str  # what the gate misses


@dataclass(frozen=True, slots=True)
class CleanUp:
    """Have the daemons remove the worktrees, then send FinishCompletion."""


Action = Nothing | Record | Validate | Confirm | Advance | Complete | Abort | CleanUp


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What the conditions of the cases read."""

    contract: Snapshot
    gate: Readiness  # of the current phase
    on: Switches
    forced: bool  # True: requested by `check_completion`, not by an event


@dataclass(frozen=True, slots=True)
class Case:
    """One row of the table."""

    when: Callable[[Evaluation], bool]  # the condition, given that no earlier one holds
    then: Callable[[Evaluation], Action]


def would_complete(contract: Snapshot) -> bool:
    """True if the contract is active, in its last phase, and its gate is satisfied. Ignores the switches."""
    return contract.status in ACTIVE_STATUSES and contract.following is None and contract.readiness().by_gate


def cleaned(*, held: bool, removed: bool, expired: bool) -> CompletedBy | None:
    """How the clean-up ended, for FinishCompletion; None while it goes on.

    `held`: a daemon held a worktree. `removed`: all daemons confirmed the removal. `expired`: the deadline of
    `contracts.cleanup_timeout_seconds` has passed.
    """
    if not held:
        return "no_worktrees"
    if removed:
        return "cleanup_done"
    return "cleanup_deadline" if expired else None


def next_action(contract: Snapshot, on: Switches, *, forced: bool = False) -> Action:
    """The action for `contract` in its present state.

    `on`: the global switches. `forced`: the evaluation was requested by `check_completion`; then a
    validator runs again on the same work, and a reopened contract may complete without new work.
    """
    evaluation = Evaluation(contract, contract.readiness(), on, forced)
    return next(case.then(evaluation) for case in CASES if case.when(evaluation))


def _completing(evaluation: Evaluation) -> bool:
    return evaluation.contract.status is ContractStatus.COMPLETING


def _unjudged(evaluation: Evaluation) -> bool:
    """True if the validator must run: only its passing verdict is missing, and it has not judged the present
    work yet, or the evaluation is forced.
    """
    verdict = evaluation.contract.verdict
    return evaluation.contract.awaits_verdict and (
        evaluation.forced or verdict is None or verdict.about < evaluation.contract.worked
    )


def _guarded(evaluation: Evaluation) -> bool:
    """True if the next phase change needs a confirmation. Completing the last phase needs none."""
    return evaluation.contract.phase_guard and evaluation.contract.following is not None


def _person_asked(evaluation: Evaluation) -> bool:
    """True if the contract waits for the confirmation already."""
    return evaluation.contract.waiting_for == "phase_confirmation"


def _at_rest(evaluation: Evaluation) -> bool:
    """True if the contract was completed, reopened, and nothing was done since (decision 0008).

    Completing it again at once would undo the reopening.
    """
    return evaluation.contract.rests and evaluation.contract.following is None and not evaluation.forced


CASES: Final[tuple[Case, ...]] = (
    Case(lambda e: e.contract.status not in ACTIVE_STATUSES,     lambda e: Nothing(f"the contract is {e.contract.status}")),
    # A started completion is finished or aborted whatever the switches are: nothing else leaves COMPLETING.
    Case(lambda e: _completing(e) and e.gate.ready,              lambda _: CleanUp()),
    Case(_completing,                                            lambda e: Abort(", ".join(e.gate.missing))),
    Case(lambda e: e.on.feature and _unjudged(e),                lambda e: Validate(e.contract.current.gate.validator or "")),
    Case(lambda e: not e.gate.ready,                             lambda e: Nothing(", ".join(e.gate.missing))),
    Case(lambda e: not e.gate.by_gate,                           lambda _: Nothing("the phase has no requirements, so it does not end automatically")),
    Case(lambda e: not e.on.feature,                             lambda _: Record("the feature flag auto_complete is off")),
    Case(lambda e: not e.contract.auto_complete,                 lambda _: Record("auto-complete is off for this contract")),
    Case(lambda e: _guarded(e) and _person_asked(e),             lambda _: Nothing("a person was already asked to confirm")),
    Case(_guarded,                                               lambda _: Confirm()),
    Case(lambda e: not e.contract.current.gate.auto_advance,     lambda _: Record("auto-advance is off for this phase")),
    Case(_at_rest,                                               lambda _: Nothing("the contract was reopened, and nothing has changed since")),
    Case(lambda e: e.contract.following is None,                 lambda _: Complete()),
    Case(lambda e: not e.on.advance,                             lambda _: Record("contracts.auto_advance_phases is off")),
    Case(lambda _: True,                                         lambda e: _advance(e.contract)),
)  # fmt: skip


def _advance(contract: Snapshot) -> Advance:
    assert contract.following is not None
    return Advance(contract.following.name)
