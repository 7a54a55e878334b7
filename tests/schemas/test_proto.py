"""`proto-schemas/` and the Python messages say the same: member by member, and for any value, there and back."""

from datetime import datetime
from typing import Any, cast, get_args

import msgspec
import orjson
import pytest
from google.protobuf import json_format
from google.protobuf.descriptor import FieldDescriptor as F
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_schemas.codec import adapter, decode, encode

from tests.schemas.proto_json import (
    CALLED,
    WRAPPED,
    Member,
    from_proto,
    is_message,
    is_requirement,
    members,
    plain,
    prefix,
    to_proto,
    values,
)
from tests.schemas.proto_messages import CLASSES, EVENTS, OWN, enumerations, enums, messages, new
from tests.schemas.values import any_of

INTEGER = "an integer without sign"
SCALARS: dict[object, object] = {
    str: F.TYPE_STRING,
    bool: F.TYPE_BOOL,
    float: F.TYPE_DOUBLE,
    int: INTEGER,
    datetime: "Timestamp",
}
NAMES = sorted(CLASSES)


def test_each_side_knows_every_message_of_the_other() -> None:
    assert set(messages()) == set(CLASSES) | OWN


@pytest.mark.parametrize("name", NAMES)
def test_a_message_has_the_same_members_on_both_sides(name: str) -> None:
    fields = {field.name: field for field in messages()[name].fields}
    for older in (member for message, member in CALLED if message == name):
        assert fields.pop(older)
    ours = {member.called: member for member in members(CLASSES[name])}
    assert set(fields) == set(ours)
    in_order = [each for each in ours if each not in CALLED.values()]
    assert [each for each in fields if each not in CALLED.values()] == in_order
    for member in ours.values():
        says_the_same(member, fields[member.called])


def says_the_same(member: Member, field: F) -> None:
    where = f"{field.containing_type.name}.{field.name}" if field.containing_type else field.name
    if member.is_list:
        inner = plain(get_args(member.hint)[0])
        assert field.is_repeated != member.nullable, where
        assert kind(field) == (WRAPPED[cast("type", inner)] if member.nullable else expected(inner, field)), (
            where
        )
        return
    assert not field.is_repeated, where
    assert kind(field) == expected(member.hint, field), where
    if field.message_type is None:
        assert field.has_presence == member.says_when_unset, (
            f"{where}: optional where null, or a default that is not zero, must be told from zero"
        )


def kind(field: F) -> object:
    """The name of its message, the words of its enumeration, or its scalar type."""
    if field.message_type is not None:
        return field.message_type.name
    if field.enum_type is not None:
        return [each.name for each in field.enum_type.values]
    return INTEGER if field.type in {F.TYPE_UINT32, F.TYPE_UINT64} else field.type


def expected(hint: object, field: F) -> object:
    words = values(hint)
    if words is not None:
        return [
            prefix(field.enum_type.name if field.enum_type else "") + word.upper()
            for word in ("unspecified", *words)
        ]
    if is_requirement(hint):
        return "TaskRequirement"
    return cast("type", hint).__name__ if is_message(hint) else SCALARS[hint]


def test_a_requirement_is_one_of_its_four_kinds() -> None:
    [oneof] = messages()["TaskRequirement"].oneofs
    assert [field.name for field in oneof.fields] == ["none", "all_complete", "min_complete", "named"]


def test_every_enumeration_is_used() -> None:
    assert set(enums()) == set(enumerations().values())


@pytest.mark.parametrize("name", NAMES)
@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(data=st.data())
def test_any_value_comes_back_from_protobuf_the_same(name: str, data: st.DataObject) -> None:
    cls = CLASSES[name]
    value = data.draw(any_of(cls))
    body = orjson.loads(written(value))
    sent = json_format.ParseDict(to_proto(cls, body, enumerations()), new(name))
    arrived = type(sent).FromString(sent.SerializeToString())
    back = from_proto(
        cls,
        json_format.MessageToDict(
            arrived, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
        ),
        enumerations(),
    )
    assert read(cls, orjson.dumps(back)) == value


def written(value: object) -> bytes:
    return msgspec.json.encode(value) if isinstance(value, msgspec.Struct) else encode(value)


def read(cls: type, data: bytes) -> object:
    if issubclass(cls, msgspec.Struct):
        return cast("object", msgspec.json.decode(data, type=cls))
    if cls in EVENTS:
        return decode(cls.__name__, 1, data)
    return adapter(cast("type[Any]", cls)).validate_json(data, strict=True)
