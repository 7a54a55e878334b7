"""Appends `SilenceDetected` for each accepted verdict, exactly once, also across crashes."""

import asyncio
from typing import Final
from uuid import UUID

import structlog
from makima_kernel.event_log.append import Appended, KeyReused
from makima_kernel.event_log.appender import Appender
from makima_kernel.event_log.errors import DATA_REFUSED
from makima_kernel.event_log.idempotent_append import event_meta, idempotent_append
from makima_kernel.service.reactor import Reactor
from makima_schemas.silence import sender_stream

from makima_stale_detector.handlers.detection_loop import ACTOR
from makima_stale_detector.queries import PendingSilence, Queries

SILENCE_OUTBOX_BATCH_SIZE: Final = 500
SILENCE_OUTBOX_POLL_SECONDS: Final = 1.0  # finds rows that a crashed replica left


class SilenceOutbox:
    """Transactional outbox: the projection inserts a row into the table `owed`; it is deleted once the event
    is in the log.
    """

    def __init__(self, queries: Queries, appender: Appender) -> None:
        self._queries, self._appender = queries, appender
        self._reactor = Reactor(
            poll_seconds=SILENCE_OUTBOX_POLL_SECONDS, unavailable_event="silence.append_failed"
        )

    def wake(self) -> None:
        """Check the outbox now, because the projection may have inserted rows."""
        self._reactor.wake()

    async def run(self) -> None:
        await self._reactor.run(self._publish_pending)

    async def _publish_pending(self) -> bool:
        """Append the oldest pending events. Returns whether there may be more."""
        pending = await self._queries.pending(SILENCE_OUTBOX_BATCH_SIZE)
        if pending:
            refused = set(filter(None, await asyncio.gather(*(self._append(each) for each in pending))))
            await self._queries.mark_recorded(
                [each.command_id for each in pending if each.command_id not in refused]
            )
        return len(pending) == SILENCE_OUTBOX_BATCH_SIZE

    async def _append(self, pending: PendingSilence) -> UUID | None:
        """Append one event. Returns its command id if the log does not take it: its row stays, the others go."""
        meta = event_meta(ACTOR, pending.traceparent)
        sender = f"{pending.event.sender_kind}:{pending.event.sender_id}"
        log = structlog.get_logger().bind(sender=sender, contract_id=pending.event.contract_id)
        try:
            outcome = await self._appender.append(
                idempotent_append(
                    pending.tenant, sender_stream(sender), pending.command_id, pending.event, meta
                )
            )
        except DATA_REFUSED as error:
            log.exception("silence.refused", command_id=str(pending.command_id), reason=str(error))
            return pending.command_id
        match outcome:
            case Appended():
                log.info("silence.detected", position=outcome.position)
            case KeyReused():
                log.error("silence.id_reused", command_id=str(pending.command_id))
            case _:
                pass
        return None
