"""Receives the stale-detector's periodic reminders of contracts that are still stale, for the monitor.

They are not events and have no position: a client that misses one gets the next.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final

import orjson
from faststream.nats import NatsMessage
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.times import rfc3339
from pydantic import Field, TypeAdapter
from pydantic.dataclasses import dataclass as checked

from makima_gateway.monitor.names import Names

MAX_RECENT_REMINDERS: Final = 1000  # reminders kept for subscribers
MAX_STALE_SECONDS: Final = 100 * 366 * 24 * 3600  # a hundred years


@checked(frozen=True)
class StaleMessage:
    """A reminder as the stale-detector publishes it."""

    contract_id: str
    last_activity: datetime
    stale_duration: Annotated[float, Field(le=MAX_STALE_SECONDS)]  # seconds
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Reminder:
    """A reminder as it is sent to clients."""

    tick: int  # number of the reminder in this process, ascending; a subscriber's cursor
    tenant: str
    contract_id: str
    message: str  # JSON: a `StaleDetected` without a position


_STALE_MESSAGE: Final = TypeAdapter(StaleMessage)


async def decode(message: NatsMessage) -> StaleMessage:
    """Decodes a reminder. FastStream drops a message that does not fit; the next reminder comes in a minute."""
    return _STALE_MESSAGE.validate_json(message.body)


class StaleReminders:
    """The newest reminders; `on_news` is called after each."""

    def __init__(self, on_news: Callable[[], None], names: Names) -> None:
        self._on_reminder, self._names = on_news, names
        self._latest: deque[Reminder] = deque(maxlen=MAX_RECENT_REMINDERS)
        self.tick = 0  # of the newest reminder

    def since(self, tick: int) -> list[Reminder]:
        """The reminders after `tick`, oldest first."""
        return [reminder for reminder in self._latest if reminder.tick > tick] if tick < self.tick else []

    async def remind(self, stale: StaleMessage) -> None:
        """A contract is still stale."""
        name = await self._name(stale)
        self.tick += 1
        message = {
            "type": "StaleDetected",
            "timestamp": rfc3339(datetime.now(UTC)),
            "contract_id": stale.contract_id,
            "name": name,
            "last_activity": rfc3339(stale.last_activity),
            "stale_duration": stale.stale_duration,
        }
        self._latest.append(
            Reminder(self.tick, stale.tenant, stale.contract_id, orjson.dumps(message).decode())
        )
        self._on_reminder()

    async def _name(self, stale: StaleMessage) -> str | None:
        try:
            return await self._names.of(stale.tenant, stale.contract_id)
        except DATABASE_UNAVAILABLE:
            return None  # the reminder is not worth a wait
