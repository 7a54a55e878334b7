"""Planned maintenance, folded from the same stream as the windows: whose silence will be expected, and still counts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from makima_schemas.envelope import Recorded
from makima_schemas.maintenance import ALL
from makima_schemas.silence import MaintenanceEnded, MaintenancePlanned, MaintenanceStarted


@dataclass(frozen=True, slots=True)
class Plan:
    """A maintenance that has not begun, and was not called off."""

    scope: str
    starts_at: datetime
    until: datetime
    reason: str
    planned_by: str
    planned_at: datetime


@dataclass(frozen=True, slots=True)
class Plans:
    """By scope, at `version` of the stream `silence-maintenance`. A scope with a plan has no open window."""

    version: int = 0
    by_scope: Mapping[str, Plan] = field(default_factory=dict[str, Plan])

    def about(self, *, owner: str | None, daemon: str | None, contract: str | None) -> list[Plan]:
        """Those of a sender, as `Windows.covering`."""
        scopes = (ALL, f"owner:{owner}", f"daemon:{daemon}", f"contract:{contract}")
        return [self.by_scope[scope] for scope in scopes if scope in self.by_scope]

    def beginning(self, now: datetime) -> list[Plan]:
        """Those whose time has come."""
        return [plan for plan in self.by_scope.values() if plan.starts_at <= now < plan.until]

    def missed(self, now: datetime) -> list[Plan]:
        """Those that are over, and that nobody began."""
        return [plan for plan in self.by_scope.values() if plan.until <= now]


def evolve(before: Plans, recorded: Recorded, event: object) -> Plans:
    """Fold one event of the stream. Idempotent: events up to `before.version` change nothing."""
    if recorded.version <= before.version:
        return before
    plans = dict(before.by_scope)
    match event:
        case MaintenancePlanned(scope, starts_at, until, reason):
            by = recorded.meta.get("actor", "")
            plans[scope] = Plan(scope, starts_at, until, reason, by, recorded.recorded_at)
        case MaintenanceStarted(scope) | MaintenanceEnded(scope):
            plans.pop(scope, None)
        case _:
            pass
    return Plans(recorded.version, plans)
