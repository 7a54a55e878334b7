"""A message of the monitor in one line of text."""

from collections.abc import Mapping
from typing import Final

# Members that are not printed as `key=value`: they begin the line, are printed with their new value
# (`old → new`), or add nothing (the supervisor's task, as a contract has one supervisor at a time).
FOLDED: Final = frozenset(
    {
        "type",
        "position",
        "timestamp",
        "contract_id",
        "old_status",
        "old_phase",
        "old_state",
        "supervisor_task_id",
    }
)


def summary(event: Mapping[str, object]) -> str:
    """The event's members except type, time and contract: first changes as `old → new`, then the rest as
    `key=value` in the order of the message.
    """
    changes: list[str] = []
    for key, value in event.items():
        if value is None or key in FOLDED:
            continue
        thing = key.removeprefix("new_")
        if thing != key:
            old = event.get(f"old_{thing}")
            changes.insert(0, str(value) if old is None else f"{old} → {value}")
        else:
            changes.append(f"{key}={value}")
    return "  ".join(changes)
