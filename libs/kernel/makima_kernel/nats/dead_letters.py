"""Publishes messages that could not be processed to `makima.dead.<stream>.<consumer>`,
with reason and origin.
"""

from base64 import b64encode
from collections.abc import Mapping
from typing import Final

import orjson
from makima_schemas import subjects
from nats.aio.client import Client

from makima_kernel.telemetry import metrics

# Bytes of payload that are kept. As base64 in JSON they must stay well under the broker's `max_payload`,
# because the broker closes the connection for good on one message above that.
MAX_PAYLOAD_BYTES: Final = 512 * 1024
MAX_REASON_CHARACTERS: Final = 4096  # characters
_PUBLISH_TIMEOUT_SECONDS: Final = 5.0  # seconds


async def dead_letter(
    nats: Client,
    *,
    stream: str,
    consumer: str,
    reason: str,
    origin: Mapping[str, str | int],
    payload: bytes,
    message_id: str | None = None,
    deliveries: int = 1,
) -> None:
    """Publishes `{reason, origin, deliveries, payload | payload_base64, truncated}`;
    returns when the broker has stored it.

    `stream` and `consumer` name where the message came from, `origin` its place there (e.g. its position).
    `deliveries`: how often the consumer got it before it gave up; once, where what cannot be read is never tried again.
    `message_id` makes the broker drop a repeat within two minutes. Raises nats-py's errors if the broker does
    not answer.
    """
    kept = payload[:MAX_PAYLOAD_BYTES]
    body: dict[str, object] = {
        "reason": reason[:MAX_REASON_CHARACTERS],
        "origin": dict(origin),
        "deliveries": deliveries,
        "truncated": len(kept) < len(payload),
    }
    try:
        body["payload"] = kept.decode()
    except UnicodeDecodeError:
        body["payload_base64"] = b64encode(kept).decode()
    headers = {"Nats-Msg-Id": message_id} if message_id else None
    metrics.dead_letters.labels(stream, consumer).inc()
    await nats.jetstream().publish(
        subjects.dead_letter(stream, consumer),
        orjson.dumps(body),
        timeout=_PUBLISH_TIMEOUT_SECONDS,
        headers=headers,
    )
