"""Events and commands ⇄ JSON: the registry of every (category, name, schema), strict on the way in, upcasting what is old."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Final, TypeVar, cast, get_args

import orjson
from pydantic import TypeAdapter

from makima_schemas.agent import AgentEvent
from makima_schemas.completion import CompletionEvent
from makima_schemas.contract.events import ContractEvent
from makima_schemas.daemon import DaemonEvent
from makima_schemas.identity import Category
from makima_schemas.silence import SilenceEvent
from makima_schemas.supervisor import SupervisorEvent
from makima_schemas.times import rfc3339

Event = ContractEvent | SupervisorEvent | AgentEvent | DaemonEvent | CompletionEvent | SilenceEvent
T = TypeVar("T")
Upcast = Callable[[dict[str, object]], dict[str, object]]
Downcast = Callable[[dict[str, object]], dict[str, object]]

EVENT_CLASSES: Final[Mapping[Category, tuple[type[Event], ...]]] = {
    "contract": get_args(ContractEvent),
    "supervisor": get_args(SupervisorEvent),
    "agent": get_args(AgentEvent),
    "daemon": get_args(DaemonEvent),
    "completion": get_args(CompletionEvent),
    "silence": get_args(SilenceEvent),
}
CLASS_BY_NAME: Final[Mapping[str, type[Event]]] = {cls.__name__: cls for classes in EVENT_CLASSES.values() for cls in classes}

# The newest number of a class that this build reads, and the shape of the class itself; 1 where nothing is said.
CURRENT_SCHEMA: Final[Mapping[str, int]] = {}
# While builds that do not read the newest number may still run: (its name, the older number that is written) → the way
# back to that one. A release later the entry goes, and the newest is written.
WRITTEN_AS: Final[Mapping[str, tuple[int, Downcast]]] = {}
# (name, old schema) → the JSON of the next schema. Pure, and kept forever: the log never forgets an old number.
UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = {}


class UnknownEventError(LookupError):
    """An event type or schema number that this build does not know: a projection must stop here, not guess."""


class UndecodableError(ValueError):
    """The data does not fit the schema it claims; the message says where."""


@cache
def adapter(cls: type[T]) -> TypeAdapter[T]:
    """The validator of a message class, built once."""
    return TypeAdapter(cls)


@dataclass(frozen=True, slots=True)
class Schemas:
    """What a build reads and writes: the class of each event name, the newest number it reads, the steps up from older ones, and
    what it writes in an older form still.
    """

    classes: Mapping[str, type[Event]]
    current: Mapping[str, int]
    upcasts: Mapping[tuple[str, int], Upcast]
    written_as: Mapping[str, tuple[int, Downcast]] = field(default_factory=dict[str, tuple[int, Downcast]])

    def number(self, name: str) -> int:
        """The newest schema number of this name that is read."""
        return self.current.get(name, 1)

    def write(self, name: str, event: object) -> tuple[int, bytes]:
        """The schema number that new events of this name are written with, and this one's JSON in it."""
        data = encode(event)
        if name not in self.written_as:
            return self.number(name), data
        schema, downcast = self.written_as[name]
        return schema, orjson.dumps(downcast(cast("dict[str, object]", orjson.loads(data))))

    def decode(self, name: str, schema: int, data: bytes) -> Event:
        """See the function `decode`."""
        cls = self.classes.get(name)
        current = self.number(name)
        if cls is None or not 1 <= schema <= current:
            raise UnknownEventError(f"event {name} schema {schema} is not known to this build")
        try:
            return adapter(cls).validate_json(data if schema == current else self._upcast(name, schema, current, data), strict=True)
        except (ValueError, KeyError, TypeError) as error:
            raise UndecodableError(f"{name} schema {schema}: {error}") from error

    def _upcast(self, name: str, schema: int, current: int, data: bytes) -> bytes:
        body = cast("dict[str, object]", orjson.loads(data))
        for old in range(schema, current):
            body = self.upcasts[(name, old)](body)
        return orjson.dumps(body)


SCHEMAS: Final = Schemas(CLASS_BY_NAME, CURRENT_SCHEMA, UPCASTS, WRITTEN_AS)


def write(event: Event) -> tuple[int, bytes]:
    """What goes into the log: the schema number that all readers know already, and the event's JSON in it."""
    return SCHEMAS.write(type(event).__name__, event)


def schema_of(event: Event) -> int:
    """The number that `encode(event)` is in."""
    return SCHEMAS.number(type(event).__name__)


def encode(event: object) -> bytes:
    """A message's JSON. Times become RFC 3339 UTC with `Z` and microseconds."""
    return orjson.dumps(event, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


def decode(name: str, schema: int, data: bytes) -> Event:
    """The event that `data` says, upcast to the newest schema. Members that it does not know are ignored: a newer build may have added
    them without a new number.

    Raises `UnknownEventError` (type, or a schema newer than ours) and `UndecodableError` (data that fits no schema).
    """
    return SCHEMAS.decode(name, schema, data)


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")
