"""The envelope as protobuf: an event of ours, written as a CloudEvent, is one of `makima.v1.CloudEvent`, and
comes back.
"""

from datetime import UTC, datetime
from uuid import UUID

import orjson
import pytest
from google.protobuf import json_format
from makima_schemas.envelope import EventMeta, Recorded, from_cloudevent, to_cloudevent

from tests.schemas.proto_messages import messages, new

META = EventMeta(actor="ada", traceparent="00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")


def recorded(meta: EventMeta) -> Recorded:
    return Recorded(
        position=2**53 - 1,
        tenant="default",
        stream="contract-c1",
        version=7,
        event_id=UUID("0197a3c2-5d6e-7c3f-8a1b-2c3d4e5f6071"),
        command_id=UUID("7c9e6679-7425-40de-944b-e07fc1f90ae7"),
        type="ContractPaused",
        schema=1,
        data=b'{"paused_from":"active","reason":"lunch"}',
        meta=meta,
        recorded_at=datetime(2026, 1, 31, 10, 30, 0, 5, UTC),
    )


@pytest.mark.parametrize("meta", [EventMeta(), META])
def test_an_event_comes_back_from_protobuf_the_same(meta: EventMeta) -> None:
    sent = json_format.Parse(to_cloudevent(recorded(meta)), new("CloudEvent"))
    arrived = type(sent).FromString(sent.SerializeToString())
    body = json_format.MessageToDict(arrived, preserving_proto_field_name=True)
    body |= {number: int(body[number]) for number in ("position", "streamversion")}
    # A Struct keeps the members, not their order.
    assert from_cloudevent(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)) == recorded(meta)


def test_the_envelope_has_the_members_that_are_written() -> None:
    assert [field.name for field in messages()["CloudEvent"].fields] == list(
        orjson.loads(to_cloudevent(recorded(META)))
    )
