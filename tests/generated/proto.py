"""What `proto-schemas/` promises to other languages, as one line per member: the text that a change is
compared with.
"""

from typing import Final

from google.protobuf.descriptor import FieldDescriptor

from tests.schemas.proto_messages import FOLDER as SCHEMAS
from tests.schemas.proto_messages import enums, messages

SNAPSHOT: Final = SCHEMAS / "promised.txt"
HEAD: Final = (
    "# Written by `make docs`. A line that is here stays for ever: other people's programs read by it.\n"
)
TYPES: Final = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def promised() -> str:
    """Every member's message, number, name and type, every value's enumeration, number and name."""
    members = [
        f"{message.name} {field.number} {field.name}: {_label(field)}{_kind(field)}"
        for message in messages().values()
        for field in message.fields
    ]
    values = [
        f"{enum.name} {value.number} {value.name}" for enum in enums().values() for value in enum.values
    ]
    return HEAD + "".join(f"{line}\n" for line in sorted((*members, *values), key=_order))


def refreshed() -> str:
    """What is promised now, unless that breaks a promise: refreshing heals nothing."""
    before = SNAPSHOT.read_text() if SNAPSHOT.exists() else ""
    return before if broken(before, promised()) else promised()


def broken(before: str, after: str) -> list[str]:
    """The promises that are no longer kept."""
    return sorted(set(before.splitlines()) - set(after.splitlines()))


def _label(field: FieldDescriptor) -> str:
    if field.is_repeated:
        return "repeated "
    if field.containing_oneof is not None:
        return f"one of {field.containing_oneof.name.removeprefix('_')}, "
    return ""


def _kind(field: FieldDescriptor) -> str:
    if field.message_type is not None:
        return field.message_type.full_name
    return field.enum_type.full_name if field.enum_type is not None else TYPES[field.type]


def _order(line: str) -> tuple[str, int]:
    name, number, *_ = line.split()
    return name, int(number)
