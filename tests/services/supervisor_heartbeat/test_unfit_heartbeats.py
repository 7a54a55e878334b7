"""What of a heartbeat is cut or dropped, so that who sends it is heard."""

import json

import msgspec
import pytest
from makima_schemas.supervisor import SupervisorState
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.heartbeats import read
from makima_supervisor_heartbeat.handlers.state_publisher import encode_state

from tests.services.supervisor_heartbeat.harness import daemon_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, VALID, address, message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing


def body(**said: object) -> bytes:
    return msgspec.json.encode(VALID | said)


@pytest.mark.parametrize(
    ("said", "member", "kept"),
    [
        ({"progress": 101}, "progress", 100),
        ({"progress": -1}, "progress", 0),
        ({"progress": 33.0}, "progress", 33),
        ({"progress": 33.4}, "progress", 33),
        ({"progress": "40"}, "progress", 0),
        ({"progress": True}, "progress", 0),
        ({"timestamp": "2026-01-01T00:00:00"}, "state", SupervisorState.WORKING),
        ({"timestamp": None}, "state", SupervisorState.WORKING),
        ({"seq": -1}, "state", SupervisorState.WORKING),
        ({"pending_task_ids": ["a,b", "c"]}, "detail", '{"pending_task_ids":["c"]}'),
        ({"pending_task_ids": ["ok", ""]}, "detail", '{"pending_task_ids":["ok"]}'),
        ({"pending_task_ids": "a"}, "detail", None),
        (
            {"pending_task_ids": ["a"] * 257},
            "detail",
            '{"pending_task_ids":["' + '","'.join("a" * 256) + '"]}',
        ),
        ({"current_activity": "x" * 2001}, "activity", "x" * 2000),
        ({"current_activity": "nul\0"}, "activity", "nul\ufffd"),
        ({"current_activity": None}, "activity", ""),
        ({"phase": "nul\0"}, "phase", "nul\ufffd"),
        ({"phase": ""}, "phase", "unknown"),
        ({"phase": None}, "phase", "unknown"),
        ({"phase": "p" * 65}, "phase", "p" * 64),
    ],
    ids=str,
)
def test_what_only_tells_about_the_work_is_cut_or_dropped_and_the_sender_is_heard(
    said: dict[str, object], member: str, kept: object
) -> None:
    for payload in (body(state="working", **said), json.dumps(VALID | {"state": "working"} | said).encode()):
        beat = read(address(), message(payload))
        assert getattr(beat, member) == kept
        assert (beat.contract_id, beat.connection_id) == (VALID["contract_id"], VALID["connection_id"])
        assert next(iter(said)) in str(beat.unfit)
    assert read(address(), message(body())).unfit is None


def test_half_a_character_and_bytes_that_are_no_text_are_replaced() -> None:
    said = body(current_activity="half").replace(b'"half"', b'"\\ud800 and \xff"')
    assert read(address(), message(said)).activity == "\ufffd and \ufffd"


def test_a_daemon_has_a_name_of_its_machine() -> None:
    nameless = msgspec.json.encode(msgspec.structs.replace(daemon_beat("d1"), hostname=""))
    beat = read(address("makima.shards.3.daemon.d1"), message(nameless, subject="makima.shards.3.daemon.d1"))
    assert (beat.hostname, "hostname" in str(beat.unfit)) == ("d1", True)


def test_a_daemon_that_names_too_many_agents_is_heard() -> None:
    many = msgspec.to_builtins(daemon_beat("d1")) | {
        "agents": [f"c:a{n}" for n in range(129)],
        "worktrees": 2**40,
    }
    subject = "makima.shards.3.daemon.d1"
    beat = read(address(subject), message(msgspec.json.encode(many), subject=subject))
    detail = msgspec.json.decode(beat.detail or "")
    assert (len(detail["agents"]), detail["worktrees"]) == (128, 1_000_000)


def test_an_agent_that_says_too_much_is_heard() -> None:
    subject = "makima.shards.0.agent.d1.c1.builder"
    said = {
        "contract_id": "c1",
        "role": "builder",
        "connection_id": "k1",
        "activity": "x" * 3000,
        "progress": 33.0,
    }
    beat = read(address(subject), message(msgspec.json.encode(said), subject=subject))
    assert (beat.activity, beat.progress, beat.connection_id) == ("x" * 2000, 33, "k1")


def test_the_last_that_did_not_fit_is_counted_and_kept_with_its_sender() -> None:
    senders = knowing("c-t1")
    reader = BatchBuilder(senders, [range(8)])
    stranger = "makima.shards.3.supervisor.d1.t2"
    [slice_] = reader.read(
        [
            message(body(progress=33.0), 1),
            message(body(state="dreaming"), 2),
            message(body(task_id="t9"), 3),
            message(b"{", 4, stranger),
        ],
        "e1",
    )
    unfit = senders.of(address()).unfit
    assert unfit is not None
    assert (unfit.count, unfit.refused, unfit.at_ns) == (2, True, MIDNIGHT_NS + 2_000_000)
    assert "dreaming" in unfit.reason
    assert (len(slice_.rows), len(slice_.aside), len(senders)) == (1, 3, 2), "t1 and its daemon"
    [state] = [json.loads(encode_state(each.last, each.unfit)) for each in slice_.heard[:1] if each.last]
    assert (state["unfit"]["count"], state["unfit"]["outcome"]) == (2, "refused")
