"""Publishes messages that are no valid heartbeats to the dead letters, with the reason."""

import asyncio
from typing import Final

import structlog
from makima_kernel.nats.dead_letters import dead_letter
from makima_kernel.nats.message import Message
from makima_schemas import subjects
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_supervisor_heartbeat.domain.batching.write_batch import WriteBatch

CONSUMER: Final = "supervisor_heartbeat"
MAX_CONTENT_TYPE: Final = 100  # characters
MAX_CONCURRENT_DEAD_LETTERS: Final = 64

_logger = structlog.get_logger(__name__)


class DeadLetterSink:
    def __init__(self, nats: Client) -> None:
        self._nats = nats

    async def all(self, slice_: WriteBatch) -> None:
        """Dead-letter the messages in `slice_.aside`, each with a line in the log, and in `slice_.over_limit`,
        of which the log tells once per episode.

        Called before the batch is committed, so that a crash loses none. A message that is read again is
        stored once, because its message id is derived from stream epoch and sequence.
        """
        for message, reason in slice_.aside:
            _logger.warning(
                "heartbeat.dead_lettered", subject=message.subject, sequence=message.sequence, reason=reason
            )
        letters = [*slice_.aside, *slice_.over_limit]
        for start in range(0, len(letters), MAX_CONCURRENT_DEAD_LETTERS):
            some = letters[start : start + MAX_CONCURRENT_DEAD_LETTERS]
            await asyncio.gather(
                *(self._one(slice_.stream_epoch, message, reason) for message, reason in some)
            )

    async def _one(self, stream_epoch: str, message: Message, reason: str) -> None:
        """Publish the dead letter. A failure is only logged: it must not block the following heartbeats."""
        try:
            await dead_letter(
                self._nats,
                stream=subjects.HEARTBEATS_STREAM,
                consumer=CONSUMER,
                reason=reason,
                origin={
                    "subject": message.subject,
                    "sequence": message.sequence,
                    "stream_epoch": stream_epoch,
                    **_content_type(message),
                },
                payload=message.payload,
                message_id=f"{stream_epoch}:{message.sequence}",
            )
        except (NatsError, TimeoutError) as error:
            _logger.warning(
                "heartbeat.dead_letter_lost",
                subject=message.subject,
                sequence=message.sequence,
                reason=repr(error),
            )


def _content_type(message: Message) -> dict[str, str]:
    """As a heartbeat that is sent again must have it, too; without one it is JSON."""
    given = (message.headers or {}).get("Content-Type")
    return {} if given is None else {"content_type": given[:MAX_CONTENT_TYPE]}
