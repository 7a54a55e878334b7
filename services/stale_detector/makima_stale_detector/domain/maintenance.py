"""The decider of maintenance windows: what an administrator starts and ends, and what ends by its time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.silence import (
    EndMaintenance,
    MaintenanceCommand,
    MaintenanceEnded,
    MaintenanceStarted,
    OpenMaintenance,
    StartMaintenance,
)
from makima_schemas.times import rfc3339

MAX_WINDOWS: Final = 100  # open at the same time

State = Mapping[str, tuple[datetime, str]]  # by scope: until when, and why
MaintenanceEvent = MaintenanceStarted | MaintenanceEnded


class MaintenanceDecider:
    @property
    def initial(self) -> State:
        return {}

    def decide(self, command: MaintenanceCommand, state: State) -> list[MaintenanceEvent]:
        """A repeat, or the end of what is not open, changes nothing. Raises `Refused` for too many windows, and for a
        window that would take the place of another one.
        """
        match command:
            case StartMaintenance(scope, until, reason) | OpenMaintenance(scope, until, reason):
                if state.get(scope) == (until, reason):
                    return []
                if scope in state and isinstance(command, OpenMaintenance):
                    raise _taken(scope, *state[scope])
                if scope not in state and len(state) >= MAX_WINDOWS:
                    raise Refused(
                        ErrorCode.INVALID_REQUEST,
                        f"{MAX_WINDOWS} maintenance windows are open",
                        hint="end one, or use a wider scope: owner:<id>, or all",
                    )
                return [MaintenanceStarted(scope, until, reason)]
            case EndMaintenance(scope, None):
                return [MaintenanceEnded(scope, "request")] if scope in state else []
            case EndMaintenance(scope, until):
                # With another end it was prolonged, or shortened, since the detector looked.
                over = scope in state and state[scope][0] == until
                return [MaintenanceEnded(scope, "until")] if over else []

    def evolve(self, state: State, event: MaintenanceEvent) -> State:
        match event:
            case MaintenanceStarted(scope, until, reason):
                return {**state, scope: (until, reason)}
            case MaintenanceEnded(scope):
                return {other: window for other, window in state.items() if other != scope}


def _taken(scope: str, until: datetime, reason: str) -> Refused:
    return Refused(
        ErrorCode.CONFLICT,
        f"{scope} is under maintenance until {rfc3339(until)}: {reason}",
        hint="PUT /api/v1/maintenance changes that window's end and reason",
    )
