"""The statuses of old (plan 1.4), for people and filters where `enhanced_contract_status` is off."""

from dataclasses import replace
from typing import Literal, cast

import orjson
from makima_schemas.contract.model import ContractStatus

from makima_gateway.read_model.queries import MonitorEvent

LegacyStatus = Literal["active", "completed", "archived"]


def shown_status(status: ContractStatus, *, enhanced: bool) -> ContractStatus:
    """With the flag off people see the statuses that there were before it."""
    return status if enhanced else ContractStatus(legacy_status(status))


def shown_event(event: MonitorEvent, *, enhanced: bool) -> MonitorEvent | None:
    """As `shown_change`, and with the statuses that its filter asks for."""
    if enhanced:
        return event
    change = shown_change(event.message, enhanced=False)
    if change is None:
        return None
    old, new = (_of_old(status) for status in (event.old_status, event.status))
    return replace(event, old_status=old, status=new, message=orjson.dumps(change).decode())


def shown_change(message: str, *, enhanced: bool) -> dict[str, object] | None:
    """A message of the monitor in the statuses that are shown; null: of what is shown, nothing has changed."""
    said = cast("dict[str, object]", orjson.loads(message))
    if enhanced or said["type"] != "StatusChanged":
        return said
    old, new = (_of_old(cast("str | None", said[name])) for name in ("old_status", "new_status"))
    return None if old == new else {**said, "old_status": old, "new_status": new}


def _of_old(status: str | None) -> LegacyStatus | None:
    return None if status is None else legacy_status(ContractStatus(status))


def legacy_status(status: ContractStatus) -> LegacyStatus:
    """The three statuses of old (plan 1.4): what is neither done nor put away was `active` there, a failed contract included."""
    match status:
        case ContractStatus.COMPLETED:
            return "completed"
        case ContractStatus.ARCHIVED:
            return "archived"
        case _:
            return "active"
