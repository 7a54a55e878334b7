"""Between the JSON of our messages and that of protobuf, by the Python types alone (proto-schemas/README.md
says how they differ).
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Annotated, Literal, Union, cast, get_args, get_origin, get_type_hints

import msgspec
from makima_schemas.contract.model import Phase, TaskRequirement

Json = object
# (message, member) → its name in protobuf, where an older form of it has the name.
CALLED = {("AgentHeartbeat", "child"): "child_process"}
WRAPPED = {str: "StringList", Phase: "PhaseList"}


@dataclass(frozen=True)
class Member:
    """A member of a message. `default` is `MISSING` where it must be said."""

    name: str
    hint: object
    nullable: bool
    default: object
    called: str  # its name in protobuf

    @property
    def is_list(self) -> bool:
        return get_origin(self.hint) is tuple

    @property
    def says_when_unset(self) -> bool:
        """Whether protobuf must tell unset from zero."""
        return self.nullable or self.default not in {MISSING, None, "", 0, ()}


def members(cls: type) -> list[Member]:
    defaults = _defaults(cls)
    found: list[Member] = []
    for name, hint in get_type_hints(cls, include_extras=True).items():
        bare = plain(hint)
        inside = [plain(each) for each in get_args(bare)] if _is_union(bare) else [bare]
        rest = [each for each in inside if each is not NoneType]
        kept: object = bare if len(rest) > 1 and NoneType not in inside else rest[0]
        called = CALLED.get((cls.__name__, name), name)
        found.append(Member(name, kept, NoneType in inside, defaults[name], called))
    return found


def _defaults(cls: type) -> Mapping[str, object]:
    if is_dataclass(cls):
        return {
            each.name: each.default if each.default_factory is MISSING else each.default_factory()
            for each in fields(cls)
        }
    return {
        each.name: MISSING if each.default is msgspec.NODEFAULT else each.default
        for each in msgspec.structs.fields(cast("type[msgspec.Struct]", cls))
    }


def plain(hint: object) -> object:
    """Without its bounds."""
    return plain(get_args(hint)[0]) if get_origin(hint) is Annotated else hint


def _is_union(hint: object) -> bool:
    return get_origin(hint) in {Union, UnionType}


def values(hint: object) -> tuple[str, ...] | None:
    """The words of an enumeration, `None` for what is none."""
    if get_origin(hint) is Literal:
        return get_args(hint)
    if isinstance(hint, type) and issubclass(hint, Enum):
        return tuple(str(each.value) for each in hint)
    return None


def is_message(hint: object) -> bool:
    return isinstance(hint, type) and (is_dataclass(hint) or issubclass(hint, msgspec.Struct))


def is_requirement(hint: object) -> bool:
    return hint == TaskRequirement


def prefix(enumeration: str) -> str:
    """`ContractStatus` → `CONTRACT_STATUS_`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", enumeration).upper() + "_"


def to_proto(
    cls: type, body: Mapping[str, Json], enumerations: Mapping[tuple[str, str], str]
) -> dict[str, Json]:
    """Our JSON as protobuf's; `enumerations` names the enumeration of each (message, member)."""
    there: dict[str, Json] = {}
    for member in members(cls):
        if body.get(member.name) is None:
            continue
        value = body[member.name]
        if member.is_list:
            inner = plain(get_args(member.hint)[0])
            items = [_to_proto(inner, item, "", enumerations) for item in cast("list[Json]", value)]
            there[member.called] = {"values": items} if member.nullable else items
        else:
            there[member.called] = _to_proto(
                member.hint, value, enumerations.get((cls.__name__, member.name), ""), enumerations
            )
    return there


def _to_proto(
    hint: object, value: Json, enumeration: str, enumerations: Mapping[tuple[str, str], str]
) -> Json:
    if is_requirement(hint):
        if isinstance(value, str):
            return {value: True}
        [(kind, what)] = cast("Mapping[str, Json]", value).items()
        return {kind: {"values": what} if kind == "named" else what}
    if values(hint) is not None:
        return prefix(enumeration) + str(value).upper()
    if is_message(hint):
        return to_proto(cast("type", hint), cast("Mapping[str, Json]", value), enumerations)
    return value


def from_proto(
    cls: type, body: Mapping[str, Json], enumerations: Mapping[tuple[str, str], str]
) -> dict[str, Json]:
    """protobuf's JSON (with its zeros printed) as ours."""
    here: dict[str, Json] = {}
    for member in members(cls):
        if member.called not in body:
            if member.nullable:
                here[member.name] = None
            continue
        value = body[member.called]
        if member.is_list:
            inner = plain(get_args(member.hint)[0])
            items = cast("Mapping[str, Json]", value).get("values", []) if member.nullable else value
            here[member.name] = [
                _from_proto(inner, item, "", enumerations) for item in cast("list[Json]", items)
            ]
        else:
            here[member.name] = _from_proto(
                member.hint, value, enumerations.get((cls.__name__, member.name), ""), enumerations
            )
    return here


def _from_proto(
    hint: object, value: Json, enumeration: str, enumerations: Mapping[tuple[str, str], str]
) -> Json:
    if is_requirement(hint):
        [(kind, what)] = cast("Mapping[str, Json]", value).items()
        if kind == "named":
            return {kind: cast("Mapping[str, Json]", what).get("values", [])}
        return {kind: what} if kind == "min_complete" else kind
    if values(hint) is not None:
        return str(value).removeprefix(prefix(enumeration)).lower()
    if is_message(hint):
        return from_proto(cast("type", hint), cast("Mapping[str, Json]", value), enumerations)
    if hint is int:
        return int(cast("str", value))
    return value
