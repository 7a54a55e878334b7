"""The schemas of all messages on the bus, from the classes that read and write them."""

from functools import cache
from typing import Final, cast

import msgspec
from makima_gateway.monitor.filter import MonitorFilter
from makima_schemas.codec import EVENT_CLASSES, SCHEMAS
from makima_schemas.commands import Accepted, Problem
from makima_schemas.heartbeat import AgentHeartbeat, DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.monitor import MONITOR_MESSAGES
from pydantic import TypeAdapter

from tests.generated.asyncapi_subscribers import subscribers

Json = dict[str, object]

REF: Final = "#/components/schemas/{name}"
HEARTBEATS: Final = (SupervisorHeartbeat, AgentHeartbeat, DaemonHeartbeat)
CLOUDEVENT: Final[Json] = {
    "description": "CloudEvents 1.0 in JSON. `position` is the stream's sequence; `streamversion` counts the events of one entity.",
    "type": "object",
    "required": [
        "specversion",
        "id",
        "source",
        "type",
        "subject",
        "time",
        "data",
        "position",
        "streamversion",
        "tenant",
        "commandid",
    ],
    "properties": {
        "specversion": {"const": "1.0"},
        "id": {"type": "string", "format": "uuid"},
        "source": {"type": "string", "pattern": "^makima/[a-z]+$"},
        "type": {"type": "string", "pattern": r"^makima\.[a-z]+\.[A-Za-z]+\.v[1-9][0-9]*$"},
        "subject": {"type": "string", "description": "the entity's id"},
        "time": {"type": "string", "format": "date-time"},
        "datacontenttype": {"const": "application/json"},
        "position": {"type": "integer", "minimum": 1},
        "streamversion": {"type": "integer", "minimum": 1},
        "tenant": {"type": "string"},
        "commandid": {"type": "string", "format": "uuid"},
        "actor": {"type": "string"},
        "traceparent": {"type": "string"},
        "data": {"type": "object"},
    },
}
DEAD_LETTER: Final[Json] = {
    "description": "A message that could not be processed: its payload as text, or in base64 if it is not UTF-8; `origin` is its stream and sequence.",
    "type": "object",
    "required": ["reason", "origin", "truncated"],
    "properties": {
        "reason": {"type": "string"},
        "origin": {"type": "object", "additionalProperties": {"type": ["string", "integer"]}},
        "truncated": {"type": "boolean"},
        "payload": {"type": "string"},
        "payload_base64": {"type": "string", "contentEncoding": "base64"},
    },
    "additionalProperties": False,
}


@cache
def schemas() -> Json:
    """Every schema by name; references point to other schemas in the same document."""
    told = [cls for classes in EVENT_CLASSES.values() for cls in classes]
    answers = {answer for each in subscribers().found for answer in each.replies} - {Accepted, Problem}
    given = sorted(answers, key=lambda answer: answer.__name__)
    named = [
        (cls, "validation", TypeAdapter(cls))
        for cls in (*told, *MONITOR_MESSAGES, Accepted, Problem, *given, MonitorFilter)
    ]
    _, definitions = TypeAdapter.json_schemas(named, ref_template="#/components/schemas/{model}")  # pyright: ignore[reportArgumentType]
    _, structs = msgspec.json.schema_components(HEARTBEATS, ref_template=REF)
    return {
        **subscribers().schemas,
        **cast("Json", definitions["$defs"]),
        **structs,
        "CloudEvent": CLOUDEVENT,
        "DeadLetter": DEAD_LETTER,
        "Refusal": {"type": "object", "required": ["error"], "properties": {"error": reference("Problem")}},
        "Signal": {
            "type": "object",
            "description": "A signal to a daemon, of itself or of an agent of its; the last token of the subject is its kind.",
        },
    }


def reference(name: str) -> Json:
    return {"$ref": REF.format(name=name)}


def envelope(category: str, name: str) -> Json:
    """The CloudEvent of this event."""
    kind = f"makima.{category}.{name}.v{SCHEMAS.number(name)}"
    return {
        "allOf": [reference("CloudEvent"), {"properties": {"type": {"const": kind}, "data": reference(name)}}]
    }


def answered(answer: type) -> Json:
    """The reply to a query."""
    return {
        "allOf": [{"required": ["ok"], "properties": {"ok": {"const": True}}}, reference(answer.__name__)]
    }
