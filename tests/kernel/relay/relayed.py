"""What the relay has published, as the broker has it."""

from typing import cast

from makima_kernel.relay.stream_identity import last_sequence
from makima_schemas import subjects
from nats.aio.client import Client


async def streamed(nats: Client, position: int) -> tuple[str, dict[str, str], bytes]:
    message = await nats.jetstream().get_msg(subjects.EVENTS_STREAM, position)
    return message.subject or "", cast("dict[str, str] | None", message.headers) or {}, message.data or b""


async def ends_at(nats: Client, position: int) -> bool:
    return await last_sequence(nats) == position
