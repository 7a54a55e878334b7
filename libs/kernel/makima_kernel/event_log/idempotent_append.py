"""Builds an append of one event that replicas may repeat: the event is stored once."""

from uuid import UUID

from makima_schemas.codec import Event
from makima_schemas.envelope import EventMeta

from makima_kernel.event_log.append import Append, new_event


def event_meta(actor: str, traceparent: str | None, token_id: str | None = None) -> EventMeta:
    """The metadata of an event. `actor`: the recording service or the caller; `traceparent`: the event's
    trace, if any; `token_id`: of the caller's API token, if it has one.
    """
    meta = EventMeta(actor=actor)
    if traceparent is not None:
        meta["traceparent"] = traceparent
    if token_id is not None:
        meta["tokenid"] = token_id
    return meta


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
    """An append of `event` to `stream`. If `command_id` is stored already, the append stores nothing.

    `command_id`: a uuid5 of what the event means, such as "this contract became stale in this episode", so
    that every replica and every repeat computes the same id. `request_hash`: computed from the same input;
    None: the id's bytes. It must not be the hash of the event: two replicas that have read the log up to
    different positions build slightly different events with the same meaning, and the second would be refused
    as a reused key. `expected`: the version that the stream must have. `guard`: another stream and the
    version it must have.
    """
    return Append(
        tenant,
        stream,
        command_id,
        request_hash or command_id.bytes,
        expected,
        (new_event(event),),
        meta,
        guards=() if guard is None else (guard,),
    )
