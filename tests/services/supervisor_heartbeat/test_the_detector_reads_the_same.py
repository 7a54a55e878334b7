"""What the recorder sets aside is no life for the detector, and what it keeps is: else somebody dies by
mistake, or never.
"""

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from makima_schemas.heartbeat_codec import MalformedHeartbeatError, decode_subject
from makima_stale_detector.domain.members import heartbeat as detector
from makima_supervisor_heartbeat.domain import heartbeats as recorder

from tests.services.supervisor_heartbeat.messages import SUBJECT, VALID, bodies, message

DEEP = msgspec.json.encode(VALID)[:-1] + b',"unknown":' + b"[" * 30_000 + b"]" * 30_000 + b"}"
SUBJECTS = (
    "makima.shards.3.supervisor.d1.t1",
    "makima.shards.3.supervisor.d1.t1.more",
    "makima.shards.3.supervisor.é.t1",
)


def recorded(subject: str, payload: bytes, headers: dict[str, str] | None) -> bool:
    try:
        address = decode_subject(subject)
        assert address is not None
        recorder.read(address, msgspec.structs.replace(message(payload, subject=subject), headers=headers))
    except MalformedHeartbeatError:
        return False
    return True


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
    assert (detector.read(subject, payload, headers) is not None) == recorded(subject, payload, headers)


@pytest.mark.parametrize(
    "wrong",
    [{"contract_id": "c 1"}, {"connection_id": "a\nb"}, {"pending_task_ids": ["a,b"]}, {"phase": "\0"}],
)
def test_what_is_set_aside_is_no_life(wrong: dict[str, object]) -> None:
    assert detector.read(SUBJECT, bent(**wrong)) is None


def test_nesting_that_ends_a_stack_ends_neither_service() -> None:
    assert not recorded(SUBJECT, DEEP, None)
    assert detector.read(SUBJECT, DEEP) is None
