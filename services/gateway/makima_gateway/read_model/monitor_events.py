"""Monitor events: what is read of them, and how many are in a page."""

from dataclasses import dataclass
from typing import Final

MONITOR_PAGE_EVENTS: Final = 500  # in a page, at most
MONITOR_PAGE_CHARACTERS: Final = 1024 * 1024  # a page ends at the event with which its messages reach this


@dataclass(frozen=True, slots=True)
class MonitorEvent:
    """A monitor message, and the members that filters match."""

    position: int
    tenant: str
    contract_id: str
    # the contract's status before the event; null: unknown, or the contract did not exist
    old_status: str | None
    status: str | None  # and after it; null: unknown, or the contract is deleted
    type: str
    message: str  # the JSON text that is sent
