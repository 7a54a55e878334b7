"""The decider of maintenance windows: what an administrator starts, plans and ends, and what begins and ends by its time."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.silence import (
    BeginMaintenance,
    EndMaintenance,
    MaintenanceCommand,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
    OpenMaintenance,
    PlanMaintenance,
    StartMaintenance,
)
from makima_schemas.times import rfc3339

MAX_WINDOWS: Final = 100  # open or planned at the same time


class Standing(NamedTuple):
    """A scope's one window."""

    until: datetime
    reason: str
    starts_at: datetime | None = None  # None: it is open


State = Mapping[str, Standing]  # by scope
MaintenanceEvent = MaintenancePlanned | MaintenanceStarted | MaintenanceEnded


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
                if state.get(scope) == Standing(until, reason):
                    return []
                if scope in state and isinstance(command, OpenMaintenance):
                    raise _taken(scope, state[scope])
                _check_room(scope, state)
                return [MaintenanceStarted(scope, until, reason)]
            case PlanMaintenance():
                return _plan(command, state)
            case BeginMaintenance(scope, starts_at, until):
                known = state.get(scope)
                if known is None or (known.starts_at, known.until) != (starts_at, until):
                    return []  # it was called off, changed, or has begun since the detector looked
                return [MaintenanceStarted(scope, until, known.reason)]
            case EndMaintenance(scope, None):
                return [MaintenanceEnded(scope, "request")] if scope in state else []
            case EndMaintenance(scope, until):
                # With another end it was prolonged, or shortened, since the detector looked.
                over = scope in state and state[scope].until == until
                return [MaintenanceEnded(scope, "until")] if over else []

    def evolve(self, state: State, event: MaintenanceEvent) -> State:
        match event:
            case MaintenancePlanned(scope, starts_at, until, reason):
                return {**state, scope: Standing(until, reason, starts_at)}
            case MaintenanceStarted(scope, until, reason):
                return {**state, scope: Standing(until, reason)}
            case MaintenanceEnded(scope):
                return {other: window for other, window in state.items() if other != scope}


def _plan(command: PlanMaintenance, state: State) -> list[MaintenanceEvent]:
    scope, starts_at, known = command.scope, command.starts_at, state.get(command.scope)
    if known == Standing(command.until, command.reason, starts_at):
        return []
    if known is not None and (known.starts_at is None or not command.replaces):
        raise _taken(scope, known)
    _check_room(scope, state)
    return [MaintenancePlanned(scope, starts_at, command.until, command.reason)]


def _check_room(scope: str, state: State) -> None:
    if scope not in state and len(state) >= MAX_WINDOWS:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"{MAX_WINDOWS} maintenance windows are open",
            hint="end one, or use a wider scope: owner:<id>, or all",
        )


def _taken(scope: str, known: Standing) -> Refused:
    if known.starts_at is None:
        return Refused(
            ErrorCode.CONFLICT,
            f"{scope} is under maintenance until {rfc3339(known.until)}: {known.reason}",
            hint="PUT /api/v1/maintenance without starts_at changes that window's end and reason",
        )
    return Refused(
        ErrorCode.CONFLICT,
        f"a maintenance of {scope} is planned from {rfc3339(known.starts_at)} until {rfc3339(known.until)}: {known.reason}",
        hint="PUT /api/v1/maintenance changes or begins that window; DELETE calls it off",
    )
