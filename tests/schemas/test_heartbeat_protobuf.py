"""A heartbeat in protobuf is what it is in JSON; what is none is refused, whatever its bytes."""

from contextlib import suppress

import msgspec
import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_schemas.heartbeat import AgentHeartbeat, ChildProcess, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.heartbeat_codec import (
    MalformedHeartbeatError,
    decode_agent,
    decode_daemon,
    decode_supervisor,
)
from makima_schemas.heartbeat_protobuf import CHILD_MEMBERS, MEMBERS, STATES, decode
from makima_schemas.heartbeat_reader import read_agent

from tests.schemas.proto_json import CALLED, to_proto
from tests.schemas.proto_messages import enumerations, enums, messages, new
from tests.schemas.values import any_of

HEARTBEATS = (SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)
PROTOBUF = {"Content-Type": "application/x-protobuf"}
GOOD = b'{"daemon_id":"d1","hostname":"h","seq":1,"timestamp":"2026-01-01T00:00:00Z"}'


def sent(cls: type, body: bytes) -> bytes:
    return json_format.ParseDict(
        to_proto(cls, orjson.loads(body), enumerations()), new(cls.__name__)
    ).SerializeToString()


def kind(field: F) -> str:
    if field.message_type is not None:
        return {"Timestamp": "moment", "ChildProcess": "child"}[field.message_type.name]
    if field.enum_type is not None:
        return "state"
    text = "texts" if field.is_repeated else "text"
    return {F.TYPE_STRING: text, F.TYPE_DOUBLE: "real"}.get(field.type, "number")


@pytest.mark.parametrize("cls", HEARTBEATS)
def test_the_table_is_the_schema(cls: type) -> None:
    assert MEMBERS[cls] == table(cls)


def test_the_table_of_a_child_is_the_schema() -> None:
    assert table(ChildProcess) == CHILD_MEMBERS


def table(cls: type) -> dict[int, tuple[str, str]]:
    ours = {there: here for (message, here), there in CALLED.items() if message == cls.__name__}
    fields = messages()[cls.__name__].fields
    return {field.number: (ours.get(field.name, field.name), kind(field)) for field in fields}


def test_the_older_form_of_a_child_is_its_command() -> None:
    text = json_format.ParseDict(
        {
            "contract_id": "c1",
            "role": "r",
            "connection_id": "a",
            "timestamp": "2026-01-01T00:00:00Z",
            "child": "make",
        },
        new("AgentHeartbeat"),
    ).SerializeToString()
    heartbeat, unfit = read_agent("c1", "r", text, PROTOBUF)
    assert (heartbeat.child, unfit) == (ChildProcess(command="make"), None)


def test_the_states_are_the_schemas() -> None:
    numbers = {
        value.number: value.name.removeprefix("SUPERVISOR_STATE_").lower()
        for value in enums()["SupervisorState"].values
    }
    assert dict(enumerate(STATES)) == numbers


@pytest.mark.parametrize("cls", HEARTBEATS)
@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_any_heartbeat_is_read_as_it_was_said(cls: type[SupervisorHeartbeat], data: st.DataObject) -> None:
    said = data.draw(any_of(cls))
    assert decode(cls, sent(cls, msgspec.json.encode(said))) == said


@given(st.integers(0, 60), st.binary(max_size=60))
def test_whatever_the_bytes_are_they_are_read_or_refused(kept: int, more: bytes) -> None:
    payload = sent(DaemonHeartbeat, GOOD)[:kept] + more
    for read in (
        lambda: decode_supervisor("t1", payload, PROTOBUF),
        lambda: decode_agent("c1", "r", payload, PROTOBUF),
        lambda: decode_daemon("d1", payload, PROTOBUF),
    ):
        with suppress(MalformedHeartbeatError):
            assert read() is not None


def test_members_that_nobody_knows_are_passed_over() -> None:
    more = b"\x9a\x06\x03abc" + b"\xa0\x06\x07" + b"\xa9\x06" + bytes(8) + b"\xb5\x06" + bytes(4)
    assert decode_daemon("d1", sent(DaemonHeartbeat, GOOD) + more, PROTOBUF).hostname == "h"


def test_bounds_hold_as_in_json() -> None:
    long = sent(DaemonHeartbeat, GOOD.replace(b'"h"', b'"' + b"h" * 256 + b'"'))
    nul = sent(DaemonHeartbeat, GOOD.replace(b'"h"', b'"a\\u0000b"'))
    for payload, why in (
        (long, "length <= 255"),
        (nul, "NUL"),
        (b"\x0b", "wire type"),
        (b"\x0a\x05d", "truncated"),
        (b"\xff" * 11, "ten bytes"),
    ):
        with pytest.raises(MalformedHeartbeatError, match=why):
            decode_daemon("d1", payload, PROTOBUF)
