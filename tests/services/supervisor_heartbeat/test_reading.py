"""What is a heartbeat, and what is none, and why."""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES
from makima_schemas.heartbeat_codec import MalformedHeartbeatError, decode_subject
from makima_schemas.supervisor import SupervisorState
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import COLUMNS
from makima_supervisor_heartbeat.domain.heartbeats import Beat, read, unchanged
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache

from tests.services.supervisor_heartbeat.harness import daemon_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, VALID, address, bodies, message


def body(**said: object) -> bytes:
    return msgspec.json.encode(VALID | said)


def reason(payload: bytes) -> str:
    with pytest.raises(MalformedHeartbeatError) as refused:
        read(address(), message(payload))
    return str(refused.value)


@pytest.mark.parametrize(
    "subject",
    [
        "makima.shards.3.supervisor.d1",
        "makima.shards.3.supervisor.d1.t1.more",
        "makima.shards.3.supervisor.d 1.t1",
        "makima.shards.3.agent.d1.c1",
        "makima.shards.3.daemon.é",
        "makima.shards.3.canary.more",
        "makima.shards.3.robot.r1",
        f"makima.shards.3.daemon.{'d' * 65}",
    ],
)
def test_a_subject_that_nobody_speaks_on_is_refused(subject: str) -> None:
    with pytest.raises(MalformedHeartbeatError):
        decode_subject(subject)


def test_a_canary_is_nobodys() -> None:
    assert decode_subject("makima.shards.3.canary") is None


def test_an_agent_without_daemon_has_none() -> None:
    agent = address("makima.shards.0.agent._.c1.builder")
    assert (agent.sender, agent.daemon_id) == ("agent-c1:builder", None)


@pytest.mark.parametrize(
    ("payload", "why"),
    [
        (body(task_id="t2"), "the subject names task t1, the body t2"),
        (body(state="asleep"), "Invalid enum value"),
        (body(state="interrupted"), "a supervisor cannot report the state interrupted"),
        (body(contract_id="c 1"), "is not a valid id"),
        (body(connection_id="a\nb"), "is not a valid id"),
        (body(connection_id="a\n"), "is not a valid id"),
        (b"", "truncated"),
        (b"[]", "Expected `object`"),
        (b"\xff", "malformed"),
        (body(current_activity="x")[:-1], "truncated"),
        (b" " * (MAX_HEARTBEAT_BYTES + 1), "at most 65536 bytes"),
        (
            body()[:-1] + b',"unknown":' + b"[" * 30_000 + b"]" * 30_000 + b"}",
            "the JSON is nested too deeply",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "body",  # a body tells the time
)
def test_a_body_that_does_not_say_who_speaks_is_refused_with_the_reason(payload: bytes, why: str) -> None:
    assert why in reason(payload)


def test_another_content_type_is_refused() -> None:
    with pytest.raises(MalformedHeartbeatError, match="text/yaml"):
        read(address(), msgspec.structs.replace(message(body()), headers={"Content-Type": "text/yaml"}))


def test_a_member_that_we_do_not_know_is_passed_over() -> None:
    assert read(address(), message(body(mood="good"))).activity == ""


@settings(max_examples=400)
@example(body(current_activity="\\u0000"))
@given(bodies())
def test_whatever_comes_is_a_heartbeat_within_bounds_or_refused(payload: bytes) -> None:
    try:
        beat = read(address(), message(payload))
    except MalformedHeartbeatError:
        return
    else:
        assert isinstance(beat, Beat)
        assert beat.progress is None or 0 <= beat.progress <= 100
        assert "\0" not in f"{beat.phase}{beat.activity}{beat.detail}"


@settings(max_examples=200)
@given(st.lists(bodies(), min_size=1, max_size=5))
def test_a_row_is_one_line_of_as_many_columns_as_the_table_has(payloads: list[bytes]) -> None:
    reader = BatchBuilder(SenderCache(), [range(8)])
    [slice_] = reader.read([message(payload, number) for number, payload in enumerate(payloads, 1)], "e1")
    assert len(slice_.rows) + len(slice_.aside) == len(payloads)
    assert slice_.sequence == len(payloads)
    for row in slice_.rows:
        assert row.endswith("\n")
        assert row.count("\n") == 1
        assert row.count("\t") == len(COLUMNS) - 1
    assert sum(row.endswith("\tt\n") for row in slice_.rows) <= 1


def test_nothing_is_remembered_of_subjects_on_which_nobody_says_a_heartbeat() -> None:
    senders = SenderCache()
    reader = BatchBuilder(senders, [range(8)])
    subjects = [
        f"makima.shards.{shard}.supervisor.d1.t{number}" for number in range(50) for shard in (3, 9, "foo")
    ]
    [slice_] = reader.read(
        [message(b"{}", number, subject) for number, subject in enumerate(subjects, 1)], "e1"
    )
    assert (len(slice_.aside), len(senders), reader.subjects) == (50, 0, 0)


def test_no_more_subjects_are_remembered_than_there_is_room_for() -> None:
    senders = SenderCache()
    reader = BatchBuilder(senders, [range(8)], max_subjects=3)
    for number in range(1, 11):
        [slice_] = reader.read([message(body(), number, f"makima.shards.3.supervisor.d{number}.t1")], "e1")
        assert len(slice_.rows) == 1
    assert reader.subjects <= 3


FULL: dict[str, object] = {"state": "working", "phase": "plan", "connection_id": "k1"}
AT = (7, MIDNIGHT_NS + 7_000_000)  # the place in its stream, and the broker's clock


def test_a_supervisors_heartbeat_is_kept_as_it_was_said() -> None:
    said = body(
        state="working",
        phase="plan",
        current_activity="writing",
        progress=40,
        connection_id="k1",
        pending_task_ids=["a", "b"],
    )
    found = read(address(), message(said, 7))
    assert found == Beat(
        address(),
        *AT,
        str(VALID["contract_id"]),
        "k1",
        SupervisorState.WORKING,
        "plan",
        "writing",
        40,
        '{"pending_task_ids":["a","b"]}',
    )
    assert read(address(), message(body(pending_task_ids=[]))).detail is None


def test_an_agents_heartbeat_is_kept_as_it_was_said() -> None:
    subject = "makima.shards.0.agent.d1.c1.builder"
    told = {
        "contract_id": "c1",
        "role": "builder",
        "connection_id": "k1",
        "seq": 1,
        "timestamp": "2026-01-01T00:00:00Z",
    }
    silent = read(address(subject), message(msgspec.json.encode(told), 7, subject))
    assert silent == Beat(
        address(subject), *AT, "c1", "k1", None, None, silent.activity, silent.progress, None, seq=1
    )
    more = told | {"activity": "typing", "progress": 3, "quiet_until": "2026-01-01T00:05:00Z"}
    spoken = read(address(subject), message(msgspec.json.encode(more), 7, subject))
    assert (spoken.activity, spoken.progress, spoken.detail) == (
        "typing",
        3,
        '{"quiet_until":"2026-01-01T00:05:00Z"}',
    )


def test_a_daemons_heartbeat_is_kept_as_it_was_said() -> None:
    subject = "makima.shards.3.daemon.d1"
    found = read(address(subject), message(msgspec.json.encode(daemon_beat("d1")), 7, subject))
    assert found.hostname == daemon_beat("d1").hostname
    assert (found.sequence, found.received_ns, found.contract_id, found.state) == (*AT, None, None)
    assert msgspec.json.decode(found.detail or "").keys() == {"hostname", "agents", "worktrees", "capacity"}


def test_a_heartbeat_that_says_the_same_but_for_its_activity_is_no_news() -> None:
    where = address()
    before = read(where, message(body(current_activity="writing", progress=1)))
    assert unchanged(read(where, message(body(current_activity="reading", progress=2), 2)), before)
    assert not unchanged(before, None)


@pytest.mark.parametrize(
    "said", [{"state": "idle"}, {"connection_id": "another"}, {"contract_id": "c9"}, {"phase": "review"}]
)
def test_a_heartbeat_that_says_something_else_is_news(said: dict[str, object]) -> None:
    where = address()
    before = read(where, message(body(**FULL)))
    assert not unchanged(read(where, message(body(**FULL | said))), before)


def test_another_sender_or_machine_is_news() -> None:
    beat = read(address(), message(body()))
    assert not unchanged(
        beat, msgspec.structs.replace(beat, address=address("makima.shards.3.supervisor.d2.t1"))
    )
    assert not unchanged(beat, msgspec.structs.replace(beat, hostname="another-machine"))
