"""What a retry of a dead letter sends again, and until when: a heartbeat that can be read now, while it still says
something about the present (decision 47).
"""

from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, cast

import orjson
from makima_schemas import subjects
from makima_schemas.heartbeat_codec import Address, MalformedHeartbeatError, decode_subject
from makima_schemas.heartbeat_reader import read_agent, read_daemon, read_supervisor
from makima_schemas.silence import SenderKind

Timeouts = Mapping[SenderKind, timedelta]  # of silence, after which a sender is declared dead
HEARTBEATS: Final = subjects.HEARTBEATS.removesuffix(">")
_SHARD_TOKENS: Final = 3  # makima.shards.<k> before the sender


class NotRetryableError(ValueError):
    """Sending it again would help nobody; the text says why, `hint` what would help."""

    def __init__(self, detail: str, hint: str) -> None:
        super().__init__(detail)
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Resending:
    """The message as it was sent first, and until when it may be sent again."""

    subject: str
    payload: bytes
    headers: dict[str, str]
    until: datetime

    def check(self, now: datetime) -> None:
        """Raises `NotRetryableError` from `until` on."""
        if self.until <= now:
            raise NotRetryableError(
                "it is older than its sender's timeout, and would say that the sender lives now",
                "delete it: the sender's next heartbeat is taken as usual",
            )


def resending(stream: str, consumer: str, data: bytes, at: datetime, timeouts: Timeouts) -> Resending:
    """Of a letter with this body, which came at `at`. Raises `NotRetryableError` for what no retry mends."""
    body = _members(data)
    origin = body.get("origin")
    origin = cast("dict[str, object]", origin) if isinstance(origin, dict) else {}
    if stream == subjects.EVENTS_STREAM:
        raise NotRetryableError(
            f"the event is in the log, and {consumer} has passed its position",
            f"makima ledger rebuild {consumer} applies it in its place, by a version that knows it",
        )
    subject, payload = origin.get("subject"), _payload(body)
    if stream != subjects.HEARTBEATS_STREAM or not isinstance(subject, str) or payload is None:
        raise NotRetryableError("the letter does not hold the whole message that was sent", "delete it")
    content_type = origin.get("content_type")
    headers = {"Content-Type": content_type} if isinstance(content_type, str) else {}
    try:
        address = decode_subject(subject)
        if address is None:
            raise NotRetryableError("it is a canary, which has done its work", "delete it")
        _read(address, payload, headers)
    except MalformedHeartbeatError as error:
        raise NotRetryableError(f"it cannot be read now either: {error}", "mend its sender") from error
    sender = ".".join(subject.split(".")[_SHARD_TOKENS:])
    return Resending(HEARTBEATS + sender, payload, headers, at + timeouts[address.kind])


def _read(address: Address, payload: bytes, headers: dict[str, str]) -> None:
    match address.kind:
        case "supervisor":
            read_supervisor(address.entity_id, payload, headers)
        case "agent":
            read_agent(address.contract_id, address.role, payload, headers)
        case "daemon":
            read_daemon(address.entity_id, payload, headers)


def _payload(body: Mapping[str, object]) -> bytes | None:
    """The whole of it; None: it was cut, or there is none."""
    text, encoded = body.get("payload"), body.get("payload_base64")
    if body.get("truncated") is not False:
        return None
    if isinstance(text, str):
        return text.encode("utf-8", "surrogatepass")
    try:
        return b64decode(encoded, validate=True) if isinstance(encoded, str) else None
    except ValueError:
        return None


def _members(data: bytes) -> Mapping[str, object]:
    try:
        value: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        return {}
    return cast("dict[str, object]", value) if isinstance(value, dict) else {}
