"""An event with its metadata as stored in the log, and its encoding as CloudEvents 1.0 JSON on the wire."""

from datetime import datetime
from typing import Final, TypedDict, cast
from uuid import UUID

import msgspec
import orjson

from makima_schemas.times import rfc3339

SOURCE: Final = "makima"


class EventMeta(TypedDict, total=False):
    """The metadata of an event."""

    actor: str  # who sent the command, e.g. `daemon:<id>`
    traceparent: str  # W3C trace context of the command
    tokenid: str  # id of the API token with which the command was sent over HTTP


class Recorded(msgspec.Struct, frozen=True, gc=False):
    """One event of the log.

    A msgspec struct for speed, because a rebuild makes one for each event of the log.
    """

    position: int  # in the log, from 1 without gaps
    tenant: str
    stream: str  # `<category>-<entity id>`
    version: int  # in the stream, from 1 without gaps
    event_id: UUID
    command_id: UUID  # of the command that recorded it
    type: str  # the event's name, e.g. `ContractPaused`
    schema: int  # the schema number of `data`, from 1
    data: bytes  # the event's JSON, not decoded
    meta: EventMeta
    recorded_at: datetime  # by the database's clock, UTC

    @property
    def category(self) -> str:
        """The part of the stream's name before the first hyphen, e.g. `contract`."""
        return self.stream.partition("-")[0]

    @property
    def entity_id(self) -> str:
        """The part of the stream's name after the first hyphen."""
        return self.stream.partition("-")[2]


def to_cloudevent(event: Recorded) -> bytes:
    """The event as CloudEvents 1.0 JSON; `type` is `makima.<category>.<Name>.v<schema>`,
    `subject` the entity's id.
    """
    return orjson.dumps(
        {
            "specversion": "1.0",
            "id": str(event.event_id),
            "source": f"{SOURCE}/{event.category}",
            "type": f"makima.{event.category}.{event.type}.v{event.schema}",
            "subject": event.entity_id,
            "time": rfc3339(event.recorded_at),
            "datacontenttype": "application/json",
            "position": event.position,
            "streamversion": event.version,
            "tenant": event.tenant,
            "commandid": str(event.command_id),
            **event.meta,
            "data": orjson.Fragment(event.data),
        }
    )


class MalformedCloudEventError(ValueError):
    """The bytes are not a CloudEvent as makima makes them; the message says which member is wrong."""


def from_cloudevent(payload: bytes) -> Recorded:
    """The inverse of `to_cloudevent`. Raises `MalformedCloudEventError`."""
    try:
        body = cast("dict[str, object]", orjson.loads(payload))
        source, name, version = str(body["type"]).removeprefix("makima.").rsplit(".", 2)
        meta = EventMeta()
        if "actor" in body:
            meta["actor"] = str(body["actor"])
        if "traceparent" in body:
            meta["traceparent"] = str(body["traceparent"])
        if "tokenid" in body:
            meta["tokenid"] = str(body["tokenid"])
        return Recorded(
            position=int(cast("int", body["position"])),
            tenant=str(body["tenant"]),
            stream=f"{source}-{body['subject']}",
            version=int(cast("int", body["streamversion"])),
            event_id=UUID(str(body["id"])),
            command_id=UUID(str(body["commandid"])),
            type=name,
            schema=int(version.removeprefix("v")),
            data=orjson.dumps(body["data"]),
            meta=meta,
            recorded_at=datetime.fromisoformat(str(body["time"])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise MalformedCloudEventError(f"not a makima CloudEvent: {error!r}") from error
