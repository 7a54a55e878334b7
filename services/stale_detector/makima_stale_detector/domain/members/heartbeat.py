"""Parses a heartbeat message into what the detector needs: sender, contract id and connection id."""

from makima_schemas.heartbeat_codec import (
    Headers,
    MalformedHeartbeatError,
    decode_daemon,
    decode_subject,
    decode_supervisor,
)

# (sender, contract id, connection id); a plain tuple, because one is made for every heartbeat
HeartbeatSource = tuple[str, str | None, str | None]


def read(subject: str, payload: bytes, headers: Headers = None) -> HeartbeatSource | None:
    """The sender of a heartbeat; None for canaries, agents (no verdicts for them yet) and malformed
    heartbeats.

    The recorder dead-letters malformed heartbeats, so they must not keep a sender alive here. Both services
    decode with the same functions of `heartbeat_codec`; with different rules a live sender could be declared
    silent, or one whose heartbeats are all dead-lettered would never be. Costs about 2 µs.
    """
    try:
        address = decode_subject(subject)
        if address is None or address.kind == "agent":
            return None
        name = address.entity_id
        if address.kind == "supervisor":
            heartbeat = decode_supervisor(name, payload, headers)
            return ("supervisor:" + name, heartbeat.contract_id, heartbeat.connection_id)
        decode_daemon(name, payload, headers)
    except MalformedHeartbeatError:
        return None
    return ("daemon:" + name, None, None)
