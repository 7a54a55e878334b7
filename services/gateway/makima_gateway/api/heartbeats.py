"""Takes the heartbeats that come by HTTP onto the stream of those that come by NATS."""

import time
from datetime import UTC, datetime
from typing import Final

from makima_schemas.errors import ErrorCode
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES
from makima_schemas.heartbeat_reader import RefusedHeartbeatError
from makima_schemas.refusal import Refused
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from nats.errors import Error as NatsError
from starlette.requests import Request

from makima_gateway.http.problems import invalid

STORED_WITHIN_SECONDS: Final = 2.0  # how long to wait for the broker's acknowledgement of a heartbeat


async def body_of(request: Request) -> bytes:
    """Raises `PAYLOAD_TOO_LARGE`."""
    body = await request.body()
    check_size(body)
    return body


def check_size(encoded: bytes) -> None:
    """Raises `PAYLOAD_TOO_LARGE` for more than the stream takes."""
    if len(encoded) > MAX_HEARTBEAT_BYTES:
        detail = f"a heartbeat may have at most {MAX_HEARTBEAT_BYTES} bytes; this one has {len(encoded)}"
        raise Refused(ErrorCode.PAYLOAD_TOO_LARGE, detail, limit=MAX_HEARTBEAT_BYTES)


def left_out() -> dict[str, object]:
    """What a heartbeat by HTTP may leave out, and one by NATS may not."""
    return {"seq": time.time_ns(), "timestamp": rfc3339(datetime.now(UTC))}


def unfit(error: RefusedHeartbeatError, *, hint: str) -> Refused:
    return invalid("body", str(error), hint=hint)


async def store(nats: Client, subject: str, encoded: bytes) -> None:
    """Returns once the broker has stored it. Raises `UNAVAILABLE`."""
    try:
        await nats.jetstream().publish(subject, encoded, timeout=STORED_WITHIN_SECONDS)
    except (NatsError, TimeoutError) as error:
        raise Refused(
            ErrorCode.UNAVAILABLE,
            f"the broker did not store the heartbeat: {type(error).__name__}",
            hint="nothing was stored; send the next heartbeat as usual",
        ) from error
