"""Parses a heartbeat message into what the detector needs: sender, contract id and connection id."""

from typing import Final

from makima_schemas.heartbeat_codec import Headers, MalformedHeartbeatError, decode_subject
from makima_schemas.heartbeat_reader import (
    RefusedHeartbeatError,
    quiet_time,
    read_agent,
    read_daemon,
    read_supervisor,
)

# (sender, contract id, connection id, for how many ns it announced to be quiet: 0 for not at all); a plain tuple,
# because one is made for every heartbeat
HeartbeatSource = tuple[str, str | None, str | None, int]
# The contract id of an arrival that was refused and names no contract. No contract has it.
UNREAD: Final = ""


def read(subject: str, payload: bytes, headers: Headers = None) -> HeartbeatSource | None:
    """The sender of a heartbeat; None for canaries, and for what names no sender.

    A heartbeat that is refused still proves that its sender lives, as far as it does not name another one: it
    ends nobody's silence in the log, but nobody is declared silent over it. Both services read with
    `heartbeat_reader`. Costs about 2 µs.
    """
    try:
        address = decode_subject(subject)
    except MalformedHeartbeatError:
        return None
    if address is None:
        return None
    name = address.entity_id
    try:
        if address.kind == "supervisor":
            heartbeat, _ = read_supervisor(name, payload, headers)
            quiet = 0 if heartbeat.quiet_until is None else quiet_time(heartbeat)
            return ("supervisor:" + name, heartbeat.contract_id, heartbeat.connection_id, quiet)
        if address.kind == "agent":
            beat, _ = read_agent(address.contract_id, address.role, payload, headers)
            quiet = 0 if beat.quiet_until is None else quiet_time(beat)
            return ("agent:" + name, beat.contract_id, beat.connection_id, quiet)
        read_daemon(name, payload, headers)
    except RefusedHeartbeatError as refused:
        source = refused.source
        if source is None:
            return None
        return (f"{address.kind}:{name}", source.contract_id or UNREAD, source.connection_id, 0)
    return ("daemon:" + name, None, None, 0)
