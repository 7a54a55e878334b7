"""Maps statuses to the three legacy ones (plan 1.4), which are shown while
`enhanced_contract_status` is off.
"""

from dataclasses import replace
from typing import Literal, cast

import orjson
from makima_schemas.contract.model import ContractStatus

from makima_gateway.read_model.monitor_events import MonitorEvent

LegacyStatus = Literal["active", "completed", "archived"]


def shown_status(status: ContractStatus, *, enhanced: bool) -> ContractStatus:
    """The status that clients see: the legacy one if the flag is off (`enhanced` False)."""
    return status if enhanced else ContractStatus(legacy_status(status))


def shown_event(event: MonitorEvent, *, enhanced: bool) -> MonitorEvent | None:
    """The monitor event as clients see it, with mapped statuses for filters too; None: as `shown_change`."""
    if enhanced:
        return event
    change = shown_change(event.message, enhanced=False)
    if change is None:
        return None
    old, new = (_legacy(status) for status in (event.old_status, event.status))
    return replace(event, old_status=old, status=new, message=orjson.dumps(change).decode())


def shown_change(message: str, *, enhanced: bool) -> dict[str, object] | None:
    """A monitor message with the statuses that clients see.

    None for a StatusChanged between two statuses that have the same legacy status: clients see no change.
    """
    event = cast("dict[str, object]", orjson.loads(message))
    if enhanced or event["type"] != "StatusChanged":
        return event
    old, new = (_legacy(cast("str | None", event[name])) for name in ("old_status", "new_status"))
    return None if old == new else {**event, "old_status": old, "new_status": new}


def _legacy(status: str | None) -> LegacyStatus | None:
    return None if status is None else legacy_status(ContractStatus(status))


def legacy_status(status: ContractStatus) -> LegacyStatus:
    """The legacy status (plan 1.4): `completed`, `archived`, or `active` for all others, also for failed."""
    match status:
        case ContractStatus.COMPLETED:
            return "completed"
        case ContractStatus.ARCHIVED:
            return "archived"
        case _:
            return "active"
