"""What the log says of one sender, read anew: of one that was forgotten, because it had ended, and that speaks again."""

import asyncio
from typing import Final

import structlog
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_kernel.event_log.log import Log
from makima_schemas.codec import UndecodableError, UnknownEventError, decode
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import Recorded
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged

from makima_supervisor_heartbeat.domain.sender_cache import Sender, SenderCache
from makima_supervisor_heartbeat.domain.sender_state import SenderEvent, evolve, initial

_DATABASE_RETRY_SECONDS: Final = 0.25  # seconds until a database that did not answer is asked again

_logger = structlog.get_logger(__name__)


class SenderLoader:
    def __init__(self, log: Log, senders: SenderCache) -> None:
        self._log, self._senders = log, senders

    async def __call__(self, sender: Sender) -> None:
        """Returns once it was read."""
        while True:
            try:
                events = await self._log.stream(DEFAULT_TENANT, sender.stream)
            except DATABASE_UNAVAILABLE as error:
                _logger.warning("sender.reload_failed", sender=sender.stream, reason=repr(error))
                await asyncio.sleep(_DATABASE_RETRY_SECONDS)
                continue
            told = initial(sender.stream)
            for event in filter(None, map(telling, events)):
                told = evolve(told, event)
            self._senders.recall(sender, told, events[-1].version if events else 0)
            return


def telling(recorded: Recorded) -> SenderEvent | None:
    """The event, if it tells something of a sender."""
    try:
        event = decode(recorded.type, recorded.schema, recorded.data)
    except (UnknownEventError, UndecodableError) as error:  # the projection stops and says so; here it only costs a question more
        _logger.warning("sender.event_undecodable", position=recorded.position, reason=str(error))
        return None
    return event if isinstance(event, SupervisorRegistered | SupervisorStateChanged | DaemonConnected | DaemonDisconnected) else None
