"""What the detector says again and again: these contracts are still stale. No events, so a reader that misses one hears the next."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import orjson
from makima_kernel.nats.listen import listen
from makima_schemas import subjects
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.times import rfc3339
from nats.aio.client import Client
from pydantic import TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass as checked

MAX_RECENT_REMINDERS: Final = 1000


@checked(frozen=True)
class StaleMessage:
    contract_id: str
    last_activity: datetime
    stale_duration: float
    tenant: str = DEFAULT_TENANT


@dataclass(frozen=True, slots=True)
class Reminder:
    """`tick` orders what this process was told; `message` is what readers get: `StaleDetected` without a position."""

    tick: int
    tenant: str
    contract_id: str
    message: str


_STALE_MESSAGE: Final = TypeAdapter(StaleMessage)


class StaleReminders:
    """The newest ones; `on_news` is called after each."""

    def __init__(self, on_news: Callable[[], None]) -> None:
        self._on_reminder = on_news
        self._latest: deque[Reminder] = deque(maxlen=MAX_RECENT_REMINDERS)
        self.tick = 0

    async def run(self, nats: Client) -> None:
        """Listen until cancelled."""
        await listen(nats, subjects.MONITOR_STALE, self._on_message)

    def since(self, tick: int) -> list[Reminder]:
        """What came after `tick`, oldest first."""
        return [reminder for reminder in self._latest if reminder.tick > tick] if tick < self.tick else []

    def _on_message(self, _subject: str, payload: bytes) -> None:
        try:
            stale = _STALE_MESSAGE.validate_json(payload)
        except ValidationError:  # the next one comes in a minute
            return
        self.tick += 1
        said = {
            "type": "StaleDetected",
            "timestamp": rfc3339(datetime.now(UTC)),
            "contract_id": stale.contract_id,
            "last_activity": rfc3339(stale.last_activity),
            "stale_duration": stale.stale_duration,
        }
        self._latest.append(Reminder(self.tick, stale.tenant, stale.contract_id, orjson.dumps(said).decode()))
        self._on_reminder()
