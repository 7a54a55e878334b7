"""What a save and a restoration change in a supervisor, and which heartbeats count in between."""

from dataclasses import replace

import pytest
from makima_kernel.testing import scenario
from makima_schemas.errors import ErrorCode
from makima_schemas.saved_state import hash_of
from makima_schemas.supervisor import (
    CheckpointSaved,
    RestorationProved,
    RestorationRequested,
    SaveKind,
    StateCorruptionDetected,
    SupervisorEvent,
    SupervisorSaved,
    SupervisorState,
)
from makima_supervisor_heartbeat.domain.restoring import Basis, Break, Claim, Restore
from makima_supervisor_heartbeat.domain.saving import Room, Save
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider
from makima_supervisor_heartbeat.domain.verdict import JudgeSilence

from tests.services.supervisor_heartbeat.supervisor_events import (
    IDLE,
    INTERRUPTED,
    WORKING,
    at,
    changed,
    evidence,
    heartbeat,
    registered,
    silenced,
)

given = scenario(SupervisorDecider())
PLENTY = Room(0, 10**9, 0, 10**9)
FREE, HELD = Claim("d1", holder_disconnected=False, others_alive=False), "d1"
RESUMED = Basis("resumed", "h1")


def save(kind: SaveKind = "phase", connection: str | None = "a", contract: str = "c1") -> Save:
    return Save(contract, kind, '{"phase":"plan"}', connection, PLENTY)


def saved(number: int, before: str = "", connection: str | None = "a") -> SupervisorSaved:
    content = '{"phase":"plan"}'
    told = hash_of(before, number, connection, "phase", content)
    return SupervisorSaved("c1", connection, "phase", content, number, before, told)


def restore(
    daemon: str = "d2", connection: str = "b", basis: Basis = RESUMED, claim: Claim = FREE
) -> Restore:
    return Restore("c1", daemon, connection, claim, basis, at(10))


def requested(daemon: str = "d2", connection: str = "b", replaces: str | None = "a") -> RestorationRequested:
    return RestorationRequested("c1", daemon, connection, "resumed", "h1", at(10), replaces)


def proved(sequence: int, daemon: str = "d2", connection: str = "b") -> RestorationProved:
    return RestorationProved("c1", daemon, connection, at(sequence))


DEAD = (registered(5), silenced(5))
RESTORING = (*DEAD, requested())
RESTORED = (*RESTORING, changed(11, INTERRUPTED, WORKING, "b", "d2"), proved(11))


def test_each_save_carries_the_hash_of_the_one_before_it() -> None:
    first = saved(1)
    given(registered()).when(save()).then(first)
    given(registered(), first).when(save()).then(saved(2, first.hash))


def test_a_checkpoint_is_an_event_of_its_own() -> None:
    (event,) = given(registered()).when(save("checkpoint")).events
    assert isinstance(event, CheckpointSaved)


def test_who_was_never_heard_saves_nothing() -> None:
    given().when(save()).then_refused(ErrorCode.SUPERVISOR_NOT_FOUND)


def test_a_supervisor_of_another_contract_is_not_known() -> None:
    given(registered()).when(save(contract="c2")).then_refused(ErrorCode.SUPERVISOR_NOT_FOUND)


def test_a_fenced_connection_saves_nothing() -> None:
    given(registered(), changed(2, WORKING, IDLE, "b")).when(save()).then_refused(ErrorCode.SUPERSEDED)


def test_a_connection_whose_first_heartbeat_is_on_its_way_tries_again() -> None:
    given(registered()).when(save(connection="b")).then_refused(ErrorCode.UNAVAILABLE)


def test_a_plan_shaped_supervisor_saves_without_a_connection() -> None:
    given(registered(connection=None)).when(save(connection=None)).then(saved(1, connection=None))


@pytest.mark.parametrize(
    ("room", "quota"),
    [
        (Room(99, 100, 0, 10**9), "saved_state_mib_per_contract"),
        (Room(0, 10**9, 99, 100), "saved_state_mib_per_owner"),
    ],
)
def test_a_quota_is_said_before_anything_is_stored(room: Room, quota: str) -> None:
    refused = (
        given(registered())
        .when(replace(save(), room=room))
        .then_refused(ErrorCode.QUOTA_EXCEEDED, quota=quota, limit=100, used=99)
    )
    assert refused.hint is not None
    assert f"quotas.{quota}" in refused.hint


def test_a_save_that_is_too_large_is_refused_with_a_hint() -> None:
    large = replace(save("conversation"), content='{"messages":["' + "x" * 256 * 1024 + '"]}')
    refused = given(registered()).when(large).then_refused(ErrorCode.PAYLOAD_TOO_LARGE)
    assert refused.hint is not None
    assert "reference" in refused.hint


def test_a_dead_supervisor_is_handed_out() -> None:
    given(*DEAD).when(restore()).then(requested())


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


def test_nobody_saves_while_it_is_not_settled_who_is_in_force() -> None:
    for connection in ("a", "b", None):
        given(*RESTORING).when(save(connection=connection)).then_refused(ErrorCode.UNAVAILABLE)
    given(*RESTORING).when(save(connection="c")).then_refused(ErrorCode.SUPERSEDED)


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
