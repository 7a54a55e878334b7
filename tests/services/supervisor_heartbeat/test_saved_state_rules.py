"""What a save changes in a supervisor, and who may save."""

from dataclasses import replace

import pytest
from makima_kernel.testing import scenario
from makima_schemas.errors import ErrorCode
from makima_schemas.saved_state import hash_of
from makima_schemas.supervisor import (
    CheckpointSaved,
    SupervisorSaved,
)
from makima_supervisor_heartbeat.domain.saving import Room
from makima_supervisor_heartbeat.domain.supervisor import SupervisorDecider

from tests.services.supervisor_heartbeat.supervisor_events import (
    IDLE,
    RESTORING,
    WORKING,
    changed,
    registered,
    save,
)

given = scenario(SupervisorDecider())


def saved(number: int, before: str = "", connection: str | None = "a") -> SupervisorSaved:
    content = '{"phase":"plan"}'
    told = hash_of(before, number, connection, "phase", content)
    return SupervisorSaved("c1", connection, "phase", content, number, before, told)


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


def test_nobody_saves_while_it_is_not_settled_who_is_in_force() -> None:
    for connection in ("a", "b", None):
        given(*RESTORING).when(save(connection=connection)).then_refused(ErrorCode.UNAVAILABLE)
    given(*RESTORING).when(save(connection="c")).then_refused(ErrorCode.SUPERSEDED)
