"""Maintenance windows, folded from their stream: whose silence is expected now.

The detector, the recorder and the gateway read the stream with this one fold.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final

from makima_schemas.envelope import Recorded
from makima_schemas.silence import MaintenanceEnded, MaintenanceStarted

ALL: Final = "all"


@dataclass(frozen=True, slots=True)
class Window:
    """A maintenance that was started and not ended."""

    scope: str
    started_at: datetime
    until: datetime
    reason: str
    started_by: str


@dataclass(frozen=True, slots=True)
class Windows:
    """The windows that are open, by scope, at `version` of the stream `silence-maintenance`."""

    version: int = 0
    open: Mapping[str, Window] = field(default_factory=dict[str, Window])

    def covering(self, *, owner: str | None, daemon: str | None, contract: str | None) -> list[Window]:
        """The windows of a sender: of its owner, its daemon or its contract, or of all. Its silence is expected while
        it has one.

        A None belongs to nobody.
        """
        if not self.open:
            return []
        scopes = (ALL, f"owner:{owner}", f"daemon:{daemon}", f"contract:{contract}")
        return [self.open[scope] for scope in scopes if scope in self.open]

    def due(self, now: datetime) -> list[Window]:
        """Windows whose time is over."""
        return [window for window in self.open.values() if window.until <= now]


def evolve(before: Windows, recorded: Recorded, event: object) -> Windows:
    """Fold one event of the stream. Idempotent: events up to `before.version` change nothing."""
    if recorded.version <= before.version:
        return before
    windows = dict(before.open)
    match event:
        case MaintenanceStarted(scope, until, reason):
            by = recorded.meta.get("actor", "")
            known = windows.pop(scope, None)
            window = Window(scope, recorded.recorded_at, until, reason, by)
            windows[scope] = window if known is None else replace(window, started_at=known.started_at)
        case MaintenanceEnded(scope):
            windows.pop(scope, None)
        case _:
            pass
    return Windows(recorded.version, windows)
