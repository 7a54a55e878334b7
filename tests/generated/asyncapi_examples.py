"""One example of each message that is on the bus, as JSON; those of events are the samples that are kept for
ever.
"""

from dataclasses import MISSING, fields
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Final, Literal, Union, cast, get_args, get_origin, get_type_hints
from uuid import UUID

import orjson
from makima_schemas.codec import SCHEMAS
from makima_schemas.envelope import Recorded, to_cloudevent
from makima_schemas.identity import Category, agent_id, stream_name
from pydantic import AwareDatetime
from typing_extensions import is_typeddict

Json = dict[str, object]

SAMPLES: Final = Path(__file__).parents[1] / "history"
AT: Final = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
CONTRACT: Final = "0197a3c2-5d6e-7c3f-8a1b-2c3d4e5f6071"
TASK: Final = "6f1d1f0a-2a34-5f6e-8a6f-3f6f0f6b9c20"
CONNECTION: Final = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
# Whose stream the example of a category stands in.
ENTITIES: Final[dict[Category, str]] = {
    "contract": CONTRACT,
    "supervisor": TASK,
    "agent": agent_id(CONTRACT, "builder"),
    "daemon": "daemon-1",
    "completion": CONTRACT,
    "silence": f"supervisor:{TASK}",
}
# What members are called says more than their types.
NAMED: Final[Json] = {
    "name": "Add login",
    "owner_id": "local",
    "contract_id": CONTRACT,
    "task_id": TASK,
    "next_task_id": "d0d1c9f1-3a50-5be2-9d4f-2f1e6b3c7a90",
    "question_id": "c2f0a8de-91c5-5b0e-b7ad-2b8a2f3e4d55",
    "message_id": "f1f3a0d2-8a44-5b7b-9d80-1a2b3c4d5e6f",
    "deliverable_id": "plan-document",
    "connection_id": CONNECTION,
    "daemon_id": "daemon-1",
    "contract_type": "simple",
    "reason": "lunch",
    "scope": "daemon:daemon-1",
    "phase": "plan",
    "question": "Which provider?",
    "answer": "A",
    "content": "The form is done.",
    "role": "builder",
    "to_role": "reviewer",
    "validator": "lint",
    "state": "working",
    "hostname": "worker-7",
    "current_activity": "reading",
    "activity": "reading",
    "epoch": "3f0c2c9e-6f1f-4d59-8d70-7b7b2d0e7d11",
    "type": None,
    "code": "VALIDATION_FAILED",
    "would_succeed": False,
    "truncated": False,
    "timestamp": "2026-01-31T10:30:00.000000Z",
    "last_heartbeat": "2026-01-31T10:30:00.000000Z",
}
RECORDED: Final = Recorded(
    position=4711,
    tenant="default",
    stream="",
    version=4,
    event_id=UUID("019c13f0-4d3a-7c1e-8b51-0f2f6f0e9a77"),
    command_id=UUID("019c13f0-4d39-7b20-a4de-5d2a7a1c9e01"),
    type="",
    schema=1,
    data=b"",
    meta={"actor": "admin:local", "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"},
    recorded_at=AT,
)


def event(category: Category, name: str) -> Json:
    """The CloudEvent of the kept sample."""
    schema = SCHEMAS.number(name)
    data = (SAMPLES / category / f"{name}.v{schema}.json").read_bytes()
    members = {member: getattr(RECORDED, member) for member in RECORDED.__struct_fields__}
    members |= {
        "stream": stream_name(category, ENTITIES[category]),
        "type": name,
        "schema": schema,
        "data": data,
    }
    return cast("Json", orjson.loads(to_cloudevent(Recorded(**members))))


def message(cls: type) -> Json:
    """Any dataclass or struct, with what must be said and what is usual."""
    hints = get_type_hints(cls, include_extras=True)
    return {
        name: _value(name, hint)
        for name, hint in hints.items()
        if name in NAMED or name not in _optional(cls)
    }


def _optional(cls: type) -> set[str]:
    if is_typeddict(cls):
        return set()
    if hasattr(cls, "__struct_fields__"):
        names = cast("tuple[str, ...]", cls.__struct_fields__)
        defaults = cast("tuple[object, ...]", cls.__struct_defaults__)
        return set(names[len(names) - len(defaults) :])
    return {
        field.name
        for field in fields(cls)
        if field.default is not MISSING or field.default_factory is not MISSING
    }


def _value(name: str, hint: object) -> object:
    while get_origin(hint) is Annotated:
        hint = get_args(hint)[0]
    inside = get_args(hint)
    if get_origin(hint) is Literal:
        return inside[0]
    if isinstance(hint, type) and issubclass(hint, Enum):
        members = [str(member.value) for member in hint]
        return NAMED[name] if NAMED.get(name) in members else members[0]
    if get_origin(hint) in {Union, UnionType}:
        return _value(name, next(each for each in inside if each is not NoneType))
    if get_origin(hint) in {tuple, list, dict}:
        return {} if get_origin(hint) is dict else []
    if isinstance(hint, type) and (
        hasattr(hint, "__dataclass_fields__") or hasattr(hint, "__struct_fields__")
    ):
        return message(hint)
    plain: dict[object, object] = {
        str: NAMED.get(name) or "text",
        int: 42,
        float: 1801.5,
        bool: NAMED.get(name, True),
        UUID: str(RECORDED.command_id),
    }
    return "2026-01-31T10:30:00.000000Z" if hint in (datetime, AwareDatetime) else plain[hint]
