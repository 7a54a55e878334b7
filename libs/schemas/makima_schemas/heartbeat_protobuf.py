"""Decodes heartbeats in protobuf's wire format, by a table of fields; needs no generated code and no library.

Slower than JSON; meant for the few senders without a JSON library.
Unknown fields are skipped, as protobuf requires.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import Final, Literal, TypeVar, cast

import msgspec

from makima_schemas.heartbeat import AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorState

Kind = Literal["text", "texts", "number", "real", "state", "moment", "child"]
Heartbeat = TypeVar("Heartbeat", SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)

# Message class → field number → (name, kind), as in `proto-schemas/makima/v1`. `child` was a text once (8).
MEMBERS: Final[Mapping[type, Mapping[int, tuple[str, Kind]]]] = {
    SupervisorHeartbeat: {
        1: ("task_id", "text"), 2: ("contract_id", "text"), 3: ("state", "state"), 4: ("phase", "text"), 5: ("timestamp", "moment"),
        6: ("current_activity", "text"), 7: ("progress", "number"), 8: ("pending_task_ids", "texts"), 9: ("connection_id", "text"),
        10: ("seq", "number"), 11: ("quiet_until", "moment"),
    },
    AgentHeartbeat: {
        1: ("contract_id", "text"), 2: ("role", "text"), 3: ("connection_id", "text"), 4: ("seq", "number"), 5: ("timestamp", "moment"),
        6: ("activity", "text"), 7: ("progress", "number"), 8: ("child", "text"), 9: ("quiet_until", "moment"),
        10: ("child", "child"),
    },
    DaemonHeartbeat: {
        1: ("daemon_id", "text"), 2: ("hostname", "text"), 3: ("seq", "number"), 4: ("timestamp", "moment"), 5: ("agents", "texts"),
        6: ("worktrees", "number"), 7: ("capacity", "number"),
    },
}  # fmt: skip
# As `MEMBERS`; of the message that field 10 of an agent's heartbeat holds.
CHILD_MEMBERS: Final[Mapping[int, tuple[str, Kind]]] = {
    1: ("pid", "number"), 2: ("command", "text"), 3: ("cpu_seconds", "real"),
}  # fmt: skip
STATES: Final = ("unspecified", *SupervisorState)  # by the number of the enum value
# Required members that are absent on the wire if they are 0.
_ZEROS: Final[Mapping[type, Mapping[str, object]]] = {
    SupervisorHeartbeat: {},
    AgentHeartbeat: {"seq": 0},
    DaemonHeartbeat: {"seq": 0},
}
# The Python type of a value on the wire; bytes of all others.
_WIRE: Final[Mapping[Kind, type]] = {"number": int, "state": int, "real": float}
_DOUBLE: Final = Struct("<d")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def decode(cls: type[Heartbeat], payload: bytes) -> Heartbeat:
    """Decodes one message.

    Raises `ValueError` if the bytes are not protobuf,
    and msgspec's `ValidationError` if a member violates its bounds.
    """
    return msgspec.convert(members(cls, payload), cls)


def members(cls: type[Heartbeat], payload: bytes) -> dict[str, object]:
    """The members of one message, their bounds not checked. Bytes that are no text become U+FFFD, and a moment that
    no calendar has becomes None.

    Raises `ValueError` if the bytes are not protobuf.
    """
    return _members(MEMBERS[cls], dict(_ZEROS[cls]), payload)


def _members(
    table: Mapping[int, tuple[str, Kind]], found: dict[str, object], payload: bytes
) -> dict[str, object]:
    for number, value in _fields(payload):
        name, kind = table.get(number, ("", "text"))
        if not name or type(value) is not _WIRE.get(kind, bytes):
            continue
        if kind == "texts":
            listed = found.setdefault(name, list[object]())
            assert isinstance(listed, list)
            listed.append(_read(kind, value))
        else:
            found[name] = _read(kind, value)
    return found


def _read(kind: Kind, value: float | bytes) -> object:
    if kind == "child" and isinstance(value, bytes):
        return _members(CHILD_MEMBERS, {}, value)
    if isinstance(value, bytes):
        return _moment(value) if kind == "moment" else value.decode("utf-8", "replace")
    if kind == "state" and isinstance(value, int):
        return STATES[value] if value < len(STATES) else f"state {value}"
    return value


def _moment(payload: bytes) -> datetime | None:
    """A `google.protobuf.Timestamp`; None if it is out of the calendar."""
    parts = {number: value for number, value in _fields(payload) if isinstance(value, int)}
    seconds, nanos = parts.get(1, 0), parts.get(2, 0)
    try:
        return _EPOCH + timedelta(
            seconds=seconds - (1 << 64) if seconds >> 63 else seconds, microseconds=nanos // 1000
        )
    except OverflowError:
        return None


def _fields(payload: bytes) -> Iterator[tuple[int, float | bytes]]:
    """Number and value of each field. Those of four bytes, which no heartbeat has, are skipped."""
    at = 0
    while at < len(payload):
        tag, at = _varint(payload, at)
        match tag & 7:
            case 0:
                value, at = _varint(payload, at)
                yield tag >> 3, value
            case 2:
                size, at = _varint(payload, at)
                at += size
                if at <= len(payload):
                    yield tag >> 3, payload[at - size : at]
            case 1:
                at += 8
                if at <= len(payload):
                    yield tag >> 3, cast("float", _DOUBLE.unpack_from(payload, at - 8)[0])
            case 5:
                at += 4
            case kind:
                raise ValueError(f"wire type {kind} is not supported")
    if at > len(payload):
        raise ValueError("the message is truncated")


def _varint(payload: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        if at >= len(payload):
            raise ValueError("the message is truncated")
        byte, at = payload[at], at + 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:  # the last byte has no high bit
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
    raise ValueError("a varint has more than ten bytes")
