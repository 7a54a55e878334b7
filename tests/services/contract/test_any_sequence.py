"""Whatever is asked, in whatever order: what must hold after every command.

The walks are drawn by `Random` from a seed of hypothesis: its own strategies, made to find small examples,
hardly ever get a contract as far as a completion.
"""

from collections import Counter
from copy import deepcopy
from dataclasses import MISSING, fields
from random import Random
from typing import Final, cast, get_args

import orjson
from hypothesis import given, settings
from hypothesis import strategies as st
from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import DETECTOR_REQUESTS, LIFECYCLE, RUNNING
from makima_contract.domain.waiting import waits_for
from makima_kernel.commands.decider import fold
from makima_kernel.commands.snapshot_cache import decode_state, encode_state
from makima_schemas.codec import decode, encode, schema_of
from makima_schemas.contract import commands as c
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.contract.events import CompletionStarted, ContractEvent, PhaseChanged
from makima_schemas.contract.model import (
    ContractStatus,
    TaskStatus,
)
from makima_schemas.refusal import Refused

from tests.services.contract.contract_states import DECIDER
from tests.services.contract.random_commands import next_command

STEPS: Final = 150
ENDED: Final = {TaskStatus.COMPLETED, TaskStatus.FAILED}
SAID_ONCE: Final = {
    c.SetPhaseGuard,
    c.SetAutoComplete,
    c.CompleteDeliverable,
    c.AnswerQuestion,
    c.RecordValidation,
    *DETECTOR_REQUESTS,
}


def walk(random: Random, seen: Counter[type]) -> None:
    """One contract after the other, each from its creation until it is deleted."""
    history: list[ContractEvent] = []
    state = DECIDER.initial
    for _ in range(STEPS):
        command = next_command(random, state)
        before, events = state, asked(command, state)
        state = recorded(command, state, events)
        says_what_it_waits_for(state)
        keeps_its_word(before, command, events, state)
        history += events
        seen.update(type(event) for event in events)
        if state.deleted:
            is_what_its_events_say(state, history)
            history, state = [], DECIDER.initial
    is_what_its_events_say(state, history)


def is_what_its_events_say(state: Contract, history: list[ContractEvent]) -> None:
    assert fold(DECIDER, history) == state
    assert fold(DECIDER, [as_kept(event) for event in history]) == state
    assert fold(DECIDER, [as_kept_before(event) for event in history]) == state
    assert decode_state(Contract, encode_state(state)) == state, "as it comes back from a snapshot"


@settings(max_examples=30, deadline=None)
@given(random=st.randoms(use_true_random=True))
def test_any_sequence_of_commands_keeps_what_must_hold(random: Random) -> None:
    walk(random, Counter())


def test_the_walks_get_everywhere() -> None:
    seen: Counter[type] = Counter()
    for seed in range(150):
        walk(Random(seed), seen)
    assert set(seen) == set(get_args(ContractEvent))


def asked(command: ContractCommand, state: Contract) -> list[ContractEvent]:
    """What is decided; neither that nor a refusal touches the state that it was decided from."""
    before = deepcopy(state)
    try:
        return DECIDER.decide(command, state)
    except Refused:
        return []
    finally:
        assert state == before


def recorded(command: ContractCommand, state: Contract, events: list[ContractEvent]) -> Contract:
    """The state after the events, each of which has a row in the table."""
    for event in events:
        assert LIFECYCLE.covers(state.status, type(command), type(event)), (
            f"{command} recorded {event} in {state.status}"
        )
        state = DECIDER.evolve(state, event)
    return state


def says_what_it_waits_for(state: Contract) -> None:
    assert (state.waiting_for is not None) == (state.status is ContractStatus.WAITING_FOR_INPUT)
    if state.status in RUNNING:
        assert state.waiting_for == waits_for(state)


def keeps_its_word(
    before: Contract, command: ContractCommand, events: list[ContractEvent], after: Contract
) -> None:
    """No guard and no gate was passed by, no end is undone, and asking again for what holds already changes
    nothing.
    """
    for event in events:
        if isinstance(event, PhaseChanged):
            assert event.confirmed or not before.phase_guard
            assert event.forced or before.readiness().ready
        if isinstance(event, CompletionStarted):
            assert before.in_last_phase
            assert before.readiness().by_gate
            assert before.auto_complete_enabled
    for task_id, task in before.tasks.items():
        # Only a supervisor's own task goes on, as its supervisor does.
        assert task.status not in ENDED or task.is_supervisor or after.tasks[task_id] == task
    for question_id, question in before.questions.items():
        assert question.answer is None or after.questions[question_id] == question
    assert before.delivered <= after.delivered
    if type(command) in SAID_ONCE and events:
        assert asked(command, after) == []


def as_kept_before(event: ContractEvent) -> ContractEvent:
    """As it would come from a log that was written before its optional members existed: what a member's
    absence means is what it says.
    """
    said = cast("dict[str, object]", orjson.loads(encode(event)))
    absent = {
        member.name
        for member in fields(event)
        if member.default is not MISSING and getattr(event, member.name) == member.default
    }
    written = {name: value for name, value in said.items() if name not in absent}
    return cast("ContractEvent", decode(type(event).__name__, 1, orjson.dumps(written)))


def as_kept(event: ContractEvent) -> ContractEvent:
    """The event as it comes back from the log."""
    return cast("ContractEvent", decode(type(event).__name__, schema_of(event), encode(event)))
