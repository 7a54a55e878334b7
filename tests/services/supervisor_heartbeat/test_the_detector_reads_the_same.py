"""What the recorder keeps is life for the detector, under the same ids; what it refuses is life, too, as far as it
names its sender: nobody who speaks is declared silent.
"""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makima_schemas.heartbeat_codec import MalformedHeartbeatError, decode_subject
from makima_stale_detector.domain.members import heartbeat as detector
from makima_supervisor_heartbeat.domain import heartbeats as recorder
from makima_supervisor_heartbeat.domain.heartbeats import Beat

from tests.services.supervisor_heartbeat.messages import SUBJECT, VALID, bodies, message

DEEP = msgspec.json.encode(VALID)[:-1] + b',"unknown":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
SUBJECTS = (
    "makima.shards.3.supervisor.d1.t1",
    "makima.shards.3.supervisor.d1.t1.more",
    "makima.shards.3.supervisor.é.t1",
)


def recorded(subject: str, payload: bytes, headers: dict[str, str] | None) -> Beat | None:
    try:
        address = decode_subject(subject)
        assert address is not None
        return recorder.read(
            address, msgspec.structs.replace(message(payload, subject=subject), headers=headers)
        )
    except MalformedHeartbeatError:
        return None


def bent(**said: object) -> bytes:
    return msgspec.json.encode(VALID | said)


@settings(max_examples=300)
@example(SUBJECT, DEEP, None)
@example(SUBJECT, bent(contract_id="c 1"), None)
@example(SUBJECT, bent(connection_id="a\nb"), None)
@example(SUBJECT, bent(current_activity="nul\0"), None)
@example(SUBJECT, bent(pending_task_ids=["a,b"]), None)
@example(SUBJECT, bent(), {"Content-Type": "text/yaml"})
@given(
    st.sampled_from(SUBJECTS),
    bodies(),
    st.none() | st.fixed_dictionaries({"Content-Type": st.sampled_from(("application/json", "text/yaml"))}),
)
def test_both_take_the_same_for_a_heartbeat(
    subject: str, payload: bytes, headers: dict[str, str] | None
) -> None:
    beat, heard = recorded(subject, payload, headers), detector.read(subject, payload, headers)
    if beat is not None:
        assert heard == ("supervisor:t1", beat.contract_id, beat.connection_id, 0)
    elif heard is not None:
        assert (subject, heard[0]) == (SUBJECT, "supervisor:t1")


@pytest.mark.parametrize(
    ("wrong", "heard"),
    [
        ({"state": "dreaming"}, ("supervisor:t1", "c-t1", "t1-1", 0)),
        ({"contract_id": "c 1"}, ("supervisor:t1", detector.UNREAD, "t1-1", 0)),
        ({"connection_id": "a\nb"}, ("supervisor:t1", "c-t1", None, 0)),
        ({"task_id": "t2"}, None),
    ],
)
def test_what_is_refused_is_life_of_whom_it_names(
    wrong: dict[str, object], heard: detector.HeartbeatSource | None
) -> None:
    assert recorded(SUBJECT, bent(**wrong), None) is None
    assert detector.read(SUBJECT, bent(**wrong)) == heard


def test_nesting_that_ends_a_stack_ends_neither_service() -> None:
    assert recorded(SUBJECT, DEEP, None) is None
    assert detector.read(SUBJECT, DEEP) == ("supervisor:t1", detector.UNREAD, None, 0)
