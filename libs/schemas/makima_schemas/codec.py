"""Encodes and decodes events and commands as JSON; holds the registry of event classes,
schema numbers and upcasts.

Decoding is strict, and converts events of older schema numbers to the newest one.
"""

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
CLASS_BY_NAME: Final[Mapping[str, type[Event]]] = {
    cls.__name__: cls for classes in EVENT_CLASSES.values() for cls in classes
}

# Event name → the newest schema number that this build reads, which its class has; 1 if there is no entry.
CURRENT_SCHEMA: Final[Mapping[str, int]] = {}
# Event name → (the older schema number that is written, the function that converts the newest JSON to it).
# An entry is needed while builds that cannot read the newest number may run; it is removed a release later.
WRITTEN_AS: Final[Mapping[str, tuple[int, Downcast]]] = {}
# (event name, old schema number) → the function that converts its JSON to the next number. The functions are
# pure, and kept forever, because the log keeps events of every number.
UPCASTS: Final[Mapping[tuple[str, int], Upcast]] = {}


class UnknownEventError(LookupError):
    """This build does not know the event's type or schema number.

    A projection must stop here instead of skipping it.
    """


class UndecodableError(ValueError):
    """The data does not fit the schema number that it is recorded with; the message says where."""


@cache
def adapter(cls: type[T]) -> TypeAdapter[T]:
    """The pydantic validator of a message class, built once per process."""
    return TypeAdapter(cls)


@dataclass(frozen=True, slots=True)
class Schemas:
    """The event schemas that a build reads and writes. Tests make others than `SCHEMAS` to try upcasts."""

    classes: Mapping[str, type[Event]]  # event name → its class
    current: Mapping[str, int]  # as CURRENT_SCHEMA
    upcasts: Mapping[tuple[str, int], Upcast]  # as UPCASTS
    # As WRITTEN_AS
    written_as: Mapping[str, tuple[int, Downcast]] = field(default_factory=dict[str, tuple[int, Downcast]])

    def number(self, name: str) -> int:
        """The newest schema number that this build reads of this event name."""
        return self.current.get(name, 1)

    def write(self, name: str, event: object) -> tuple[int, bytes]:
        """The schema number that new events of this name are written with,
        and the event's JSON in that schema.
        """
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
            raise UnknownEventError(
                f"event {name} schema {schema} is unknown to this version of makima; upgrade it"
            )
        try:
            return adapter(cls).validate_json(
                data if schema == current else self._upcast(name, schema, current, data), strict=True
            )
        except (ValueError, KeyError, TypeError) as error:
            raise UndecodableError(f"{name} schema {schema}: {error}") from error

    def _upcast(self, name: str, schema: int, current: int, data: bytes) -> bytes:
        body = cast("dict[str, object]", orjson.loads(data))
        for old in range(schema, current):
            body = self.upcasts[(name, old)](body)
        return orjson.dumps(body)


SCHEMAS: Final = Schemas(CLASS_BY_NAME, CURRENT_SCHEMA, UPCASTS, WRITTEN_AS)


def write(event: Event) -> tuple[int, bytes]:
    """What to store in the log: a schema number that all running builds can read,
    and the event's JSON in that schema.
    """
    return SCHEMAS.write(type(event).__name__, event)


def schema_of(event: Event) -> int:
    """The schema number of `encode(event)`."""
    return SCHEMAS.number(type(event).__name__)


def encode(event: object) -> bytes:
    """A message as JSON. Times become RFC 3339 UTC with `Z` and microseconds."""
    return orjson.dumps(event, default=_default, option=orjson.OPT_PASSTHROUGH_DATETIME)


def decode(name: str, schema: int, data: bytes) -> Event:
    """Decodes an event, and converts it to the newest schema number.

    Unknown members are ignored, because a newer build may have added them without a new number. Raises
    `UnknownEventError` for an unknown type or a schema number above the newest known one, and
    `UndecodableError` for data that does not fit its schema.
    """
    return SCHEMAS.decode(name, schema, data)


def _default(value: object) -> object:
    if isinstance(value, datetime):
        return rfc3339(value)
    raise TypeError(f"{type(value).__name__} cannot be encoded as JSON")
