"""What a restoration changes in a supervisor, who may ask for one, and which heartbeats count in between."""

from dataclasses import replace

import pytest
from makima_kernel.testing import scenario
from makima_schemas.errors import ErrorCode
from makima_schemas.supervisor import (
    RestorationProved,
    StateCorruptionDetected,
    SupervisorEvent,
    SupervisorSaved,
    SupervisorState,
)
from makima_supervisor_heartbeat.domain.restoring import Basis, Break, Claim, Restore
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.verdict import JudgeSilence

from tests.services.supervisor_heartbeat.supervisor_events import (
    DEAD,
    IDLE,
    INTERRUPTED,
    RESTORING,
    WORKING,
    at,
    changed,
    evidence,
    heartbeat,
    registered,
    requested,
    save,
    silenced,
)

given = scenario(SupervisorDecider())
FREE, HELD = Claim("d1", holder_disconnected=False, others_alive=False), "d1"
RESUMED = Basis("resumed", "h1")


def restore(
    daemon: str = "d2", connection: str = "b", basis: Basis = RESUMED, claim: Claim = FREE
) -> Restore:
    return Restore("c1", daemon, connection, claim, basis, at(10))


def proved(sequence: int, daemon: str = "d2", connection: str = "b") -> RestorationProved:
    return RestorationProved("c1", daemon, connection, at(sequence))


RESTORED = (*RESTORING, changed(11, INTERRUPTED, WORKING, "b", "d2"), proved(11))


def test_a_dead_supervisor_is_handed_out() -> None:
    given(*DEAD).when(restore()).then(requested())


def test_one_that_is_heard_before_its_placement_is_recorded_goes_on_as_it_is() -> None:
    """It asked for its restoration itself, was proved, and only then comes what the daemon's answer led to."""
    again = restore(claim=replace(FREE, holder="d2"))
    placed, silent = replace(again, placed=True), replace(silenced(11, connection="b"), daemon_id="d2")
    given(*RESTORED).when(placed).then_nothing()
    given(*RESTORED).when(again).then(requested(replaces="b"))
    given(*RESTORED, silent).when(placed).then(requested(replaces="b"))
    given(*RESTORED).when(replace(placed, connection_id="c")).then(requested(connection="c", replaces="b"))
    nobodys = replace(placed, claim=replace(FREE, holder=None))
    given(*RESTORED).when(nobodys).then(requested(replaces="b"))


@pytest.mark.parametrize("state", [SupervisorState.COMPLETED, SupervisorState.FAILED])
def test_one_that_ended_is_handed_out_and_does_not_come_back_by_saying_so_again(
    state: SupervisorState,
) -> None:
    """Its contract was reopened: it is done, and another daemon goes on with it."""
    ended = (registered(5), changed(6, WORKING, state))
    given(*ended).when(restore()).then(requested())
    story = given(*ended, requested())
    story.when(heartbeat(11, state)).then_nothing()
    story.when(heartbeat(12, connection="b", daemon="d2")).then(
        changed(12, state, WORKING, "b", "d2"), proved(12)
    )


@pytest.mark.parametrize(
    "claim",
    [
        Claim("d2", holder_disconnected=False, others_alive=False),  # it has the contract
        Claim(None, holder_disconnected=False, others_alive=False),  # nobody has
        Claim("d1", holder_disconnected=True, others_alive=True),
    ],
)
def test_a_live_one_is_handed_out_to_who_has_the_contract_or_if_nobody_is_there(claim: Claim) -> None:
    given(registered(5)).when(restore(claim=claim)).then(requested())


@pytest.mark.parametrize("others_alive", [False, True])
def test_nobody_takes_a_contract_whose_supervisor_lives(*, others_alive: bool) -> None:
    claim = Claim(HELD, holder_disconnected=False, others_alive=others_alive)
    before: tuple[SupervisorEvent, ...] = DEAD if others_alive else (registered(5),)
    given(*before).when(restore(claim=claim)).then_refused(ErrorCode.SUPERSEDED)


def test_a_repeat_changes_nothing() -> None:
    given(*RESTORING).when(restore()).then_nothing()


def test_a_fenced_connection_is_not_handed_out() -> None:
    given(*RESTORED).when(restore(connection="a")).then_refused(ErrorCode.SUPERSEDED)


def test_what_does_not_verify_is_told_before() -> None:
    basis = Basis("from_checkpoint", "h0", Break(7, 6, 4))
    outcome = given(*DEAD).when(restore(basis=basis))
    outcome.then(
        StateCorruptionDetected("c1", 7, 6, 4),
        replace(requested(), outcome="from_checkpoint", base_hash="h0"),
    )
    (event,) = (
        given(*DEAD, *outcome.events, changed(11, INTERRUPTED, WORKING, "b", "d2"), proved(11))
        .when(save(connection="b"))
        .events
    )
    assert isinstance(event, SupervisorSaved)
    assert event.previous_hash == "h0", "the chain goes on from the checkpoint"


def test_only_a_newer_heartbeat_of_the_new_connection_proves_it() -> None:
    story = given(*RESTORING)
    story.when(heartbeat(10, connection="b", daemon="d2")).then_nothing()
    story.when(heartbeat(11, connection="b", daemon="d3")).then_nothing()
    story.when(heartbeat(11, connection="b", daemon="d2")).then(
        changed(11, INTERRUPTED, WORKING, "b", "d2"), proved(11)
    )


def test_the_old_connection_wins_it_back_if_it_speaks_first() -> None:
    story = given(*RESTORING)
    story.when(heartbeat(10)).then_nothing()  # that arrived before the request
    back = changed(11, INTERRUPTED, WORKING)
    story.when(heartbeat(11)).then(back)
    after = given(*RESTORING, back)
    after.when(heartbeat(12, connection="b", daemon="d2")).then_nothing()
    after.when(save(connection="b")).then_refused(ErrorCode.SUPERSEDED)
    after.when(restore()).then_refused(ErrorCode.SUPERSEDED)


def test_a_live_connection_wins_it_back_although_its_state_is_the_same() -> None:
    given(registered(5), requested()).when(heartbeat(11)).then(changed(11, WORKING, WORKING))


def test_a_held_up_first_heartbeat_of_an_older_process_fences_nobody_off() -> None:
    given(*RESTORING).when(heartbeat(11, connection="held-up")).then_nothing()
    given(*RESTORED).when(heartbeat(12, connection="held-up", daemon="d2")).then_nothing()
    given(*RESTORED).when(heartbeat(12, IDLE, connection="b", daemon="d2")).then(
        changed(12, WORKING, IDLE, "b", "d2")
    )


def test_where_none_was_handed_out_one_never_seen_is_newer() -> None:
    given(registered()).when(heartbeat(2, connection="b")).then(changed(2, WORKING, WORKING, "b"))


def test_a_second_restoration_fences_the_connection_of_the_first() -> None:
    again = replace(requested("d3", "c"), replaces="a")
    given(*RESTORING).when(restore("d3", "c")).then(again)
    given(*RESTORING, again).when(heartbeat(11, connection="b", daemon="d2")).then_nothing()


def test_a_supervisor_that_nobody_knew_begins_with_its_restoration() -> None:
    fresh = replace(requested(replaces=None), outcome="fresh", base_hash="")
    claim = Claim(None, holder_disconnected=False, others_alive=False)
    given().when(restore(basis=Basis("fresh", ""), claim=claim)).then(fresh)
    given(fresh).when(save(connection="b")).then_refused(ErrorCode.UNAVAILABLE)
    given(fresh).when(heartbeat(11, connection="x", daemon="d2")).then_nothing()
    given(fresh).when(heartbeat(11, connection="b", daemon="d2")).then(
        replace(registered(11, "b"), daemon_id="d2"), proved(11)
    )


def test_a_restored_supervisor_is_judged_as_any_other() -> None:
    given(*RESTORED).when(JudgeSilence("b", evidence(11), at(11))).then(
        replace(silenced(11, connection="b"), daemon_id="d2")
    )
