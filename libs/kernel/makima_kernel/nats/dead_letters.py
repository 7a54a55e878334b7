"""What could not be processed is set aside on `makima.dead.<stream>.<consumer>`, with its reason and its origin."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import orjson
from makima_schemas import subjects
from nats.aio.client import Client

from makima_kernel.telemetry import metrics

# As base64 in JSON it must stay well under the broker's `max_payload`: one message above that ends the connection for good.
MAX_PAYLOAD_BYTES: Final = 512 * 1024
MAX_REASON_CHARACTERS: Final = 4096
_PUBLISH_TIMEOUT_SECONDS: Final = 5.0


async def dead_letter(
    nats: Client,
    *,
    stream: str,
    consumer: str,
    reason: str,
    origin: Mapping[str, str | int],
    payload: bytes,
    message_id: str | None = None,
) -> None:
    """Stores `{reason, origin, payload | payload_base64, truncated}`; returns once the broker has it.

    `message_id` keeps a repeat within two minutes from being stored twice. Raises nats-py's errors where the broker is away.
    """
    kept = payload[:MAX_PAYLOAD_BYTES]
    body: dict[str, object] = {"reason": reason[:MAX_REASON_CHARACTERS], "origin": dict(origin), "truncated": len(kept) < len(payload)}
    try:
        body["payload"] = kept.decode()
    except UnicodeDecodeError:
        body["payload_base64"] = b64encode(kept).decode()
    headers = {"Nats-Msg-Id": message_id} if message_id else None
    metrics.dead_letters.labels(stream, consumer).inc()
    await nats.jetstream().publish(
        subjects.dead_letter(stream, consumer), orjson.dumps(body), timeout=_PUBLISH_TIMEOUT_SECONDS, headers=headers
    )
