"""One event under an id that every replica and every repeat computes alike: it is stored once, whoever appends it, however often."""

from uuid import UUID

from makima_schemas.codec import Event
from makima_schemas.envelope import EventMeta

from makima_kernel.event_log.append import Append, new_event


def event_meta(actor: str, traceparent: str | None) -> EventMeta:
    """Who records an event, and the trace that it belongs to, if any."""
    return EventMeta(actor=actor) if traceparent is None else EventMeta(actor=actor, traceparent=traceparent)


def idempotent_append(
    tenant: str,
    stream: str,
    command_id: UUID,
    event: Event,
    meta: EventMeta,
    *,
    request_hash: bytes | None = None,
    expected: int | None = None,
    guard: tuple[str, int] | None = None,
) -> Append:
    """`command_id` is made of what the event stands for, so `request_hash` is, too (null: the id itself).

    It is not the event's hash: replicas may have seen a little more or less, and mean the same.
    """
    return Append(tenant, stream, command_id, request_hash or command_id.bytes, expected, (new_event(event),), meta, guard=guard)
