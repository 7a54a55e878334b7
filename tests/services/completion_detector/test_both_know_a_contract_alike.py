"""Whatever happens to a contract, the detector's snapshot of it says what the contract says; and what it asks
is what the contract takes.
"""

from random import Random

from makima_completion_detector.domain.next_action import (
    Abort,
    Action,
    Advance,
    CleanUp,
    Complete,
    Confirm,
    Switches,
    Validate,
    next_action,
)
from makima_completion_detector.domain.snapshot import Snapshot, fold
from makima_contract.domain.state import Contract
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.refusal import Refused

from tests.services.contract.contract_states import DECIDER
from tests.services.contract.random_commands import next_command

SEEDS, STEPS = 60, 150
LEADS_ON: dict[type[Action], type[e.ContractEvent]] = {
    Advance: e.PhaseChanged,
    Confirm: e.InputAwaited,
    Complete: e.CompletionStarted,
    Abort: e.CompletionAborted,
    CleanUp: e.ContractCompleted,
}


def test_they_agree_after_every_event_and_what_is_asked_is_accepted() -> None:
    asked: set[type] = set()
    for seed in range(SEEDS):
        random, state, snapshot, version = Random(seed), DECIDER.initial, None, 0
        for _ in range(STEPS):
            for event in _decided(next_command(random, state), state):
                state, version = DECIDER.evolve(state, event), version + 1
                snapshot = fold(snapshot, event, version)
            if state.deleted:
                assert snapshot is None
                state, version = DECIDER.initial, 0
            if snapshot is not None:
                _alike(state, snapshot)
                asked.add(type(_asks_what_it_takes(state, snapshot)))
    assert asked >= {Advance, Confirm, Complete, CleanUp, Validate}, "the walks get everywhere"


def _alike(state: Contract, snapshot: Snapshot) -> None:
    assert (snapshot.status, snapshot.waiting_for, snapshot.phase) == (
        state.status,
        state.waiting_for,
        state.phase_name,
    )
    assert (snapshot.phase_guard, snapshot.auto_complete) == (state.phase_guard, state.auto_complete_enabled)
    assert snapshot.readiness() == state.readiness()


def _asks_what_it_takes(state: Contract, snapshot: Snapshot) -> Action:
    found = next_action(snapshot, Switches())
    command = _command(found, snapshot)
    if command is not None:
        # The supervisor's task may end with the contract, before it.
        assert any(isinstance(event, LEADS_ON[type(found)]) for event in DECIDER.decide(command, state))
    return found


def _command(found: Action, snapshot: Snapshot) -> ContractCommand | None:
    match found:
        case Advance(to):
            return c.ChangePhase(to)
        case Confirm():
            return c.AwaitConfirmation(snapshot.phase)
        case Complete():
            return c.StartCompletion(snapshot.phase)
        case Abort(reason):
            return c.AbortCompletion(reason)
        case CleanUp():
            return c.FinishCompletion("no_worktrees")
        case _:
            return None


def _decided(command: ContractCommand, state: Contract) -> list[e.ContractEvent]:
    try:
        return DECIDER.decide(command, state)
    except Refused:
        return []
