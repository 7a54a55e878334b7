"""Starts, plans, shows and ends maintenance windows, for administrators."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from makima_kernel.commands.router import snake_case
from makima_schemas.commands import Problem
from makima_schemas.errors import ErrorCode
from makima_schemas.maintenance import Window, Windows
from makima_schemas.planned_maintenance import Plan, Plans
from makima_schemas.refusal import Refused
from makima_schemas.silence import (
    MAINTENANCE,
    EndMaintenance,
    MaintenanceCommand,
    OpenMaintenance,
    PlanMaintenance,
    Scope,
    StartMaintenance,
)
from starlette.responses import Response

from makima_gateway.api.reads import Reading
from makima_gateway.api.schemas.maintenance import MaintenanceWindow, MaintenanceWindows, StartMaintenanceBody
from makima_gateway.api.writes import WriteContext, Writing, refused
from makima_gateway.auth.principal import request_for
from makima_gateway.http.problems import invalid
from makima_gateway.http.responses import POSITION, json_response

router = APIRouter(tags=["system"])
OWNER: Final = "stale_detector"  # the service that owns maintenance
MAX_MAINTENANCE: Final = timedelta(days=30)
MAX_AHEAD: Final = timedelta(days=90)  # of a beginning


@router.get("/maintenance", response_model=MaintenanceWindows)
async def show_maintenance(read: Reading) -> Response:
    """What the log says now, whatever the read model shows."""
    return read.answer(windows_view(*await read.gateway.maintenance.expected()))


@router.post("/maintenance", status_code=201, response_model=MaintenanceWindow)
async def open_maintenance(body: StartMaintenanceBody, write: Writing) -> Response:
    """As `PUT`, but `CONFLICT` where the scope has a window with another end or reason: nobody's is lost. Answers with
    this window.
    """
    position = await _send(write, _command(body, replaces=False))
    windows, plans = await write.gateway.maintenance.expected()
    found = windows.open.get(body.scope) or plans.by_scope.get(body.scope)
    if found is None:  # a repeat, of what has ended
        began = body.starts_at or datetime.now(UTC)
        found = Window(body.scope, began, body.until, body.reason, write.principal.actor)
    return json_response(_view(found), {POSITION: str(position)}, status=201)


@router.put("/maintenance", response_model=MaintenanceWindows)
async def start_maintenance(body: StartMaintenanceBody, write: Writing) -> Response:
    """Verdicts of silence about the senders of the scope wait until `until`, at most 30 days from now, or until the
    maintenance is ended; from then on each has a full timeout. With `starts_at` they wait from then on: that changes a
    planned window of the scope, and is `CONFLICT` where one is open. Answers with all windows.
    """
    position = await _send(write, _command(body, replaces=True))
    return json_response(windows_view(*await write.gateway.maintenance.expected()), {POSITION: str(position)})


@router.delete("/maintenance", response_model=MaintenanceWindows)
async def end_maintenance(scope: Annotated[Scope, Query()], write: Writing) -> Response:
    """Answers with the windows that are left. One that is neither open nor planned is ended already."""
    position = await _send(write, EndMaintenance(scope))
    return json_response(windows_view(*await write.gateway.maintenance.expected()), {POSITION: str(position)})


@router.delete("/maintenance/{window_id}", status_code=204)
async def close_maintenance(window_id: Annotated[Scope, Path()], write: Writing) -> Response:
    """That window alone; its senders have a full timeout from now on."""
    windows, plans = await write.gateway.maintenance.expected()
    if window_id not in {*windows.open, *plans.by_scope} and not write.repeatable:
        raise Refused(
            ErrorCode.NOT_FOUND,
            f"there is no maintenance window {window_id}",
            hint="it has ended, or never began: GET /api/v1/maintenance lists those that are open or planned",
        )
    position = await _send(write, EndMaintenance(window_id))
    return Response(status_code=204, headers={POSITION: str(position)})


def windows_view(windows: Windows, plans: Plans) -> MaintenanceWindows:
    opened = sorted(windows.open.values(), key=lambda one: (one.started_at, one.scope))
    planned = sorted(plans.by_scope.values(), key=lambda one: (one.starts_at, one.scope))
    return MaintenanceWindows([_view(one) for one in (*opened, *planned)])


def _view(of: Window | Plan) -> MaintenanceWindow:
    planned = isinstance(of, Plan)
    begins, by = (of.starts_at, of.planned_by) if planned else (of.started_at, of.started_by)
    return MaintenanceWindow(of.scope, of.scope, begins, of.until, of.reason, by, planned)


def _command(body: StartMaintenanceBody, *, replaces: bool) -> MaintenanceCommand:
    """What the body asks for. A beginning that is past is now. Raises `INVALID_REQUEST` for times that make no sense."""
    now, starts_at = datetime.now(UTC), body.starts_at
    if starts_at is not None and starts_at > now + MAX_AHEAD:
        raise invalid(
            "body.starts_at", "is more than 90 days from now", hint="plan it within 90 days to come"
        )
    later = starts_at is not None and starts_at > now
    began = starts_at if later and starts_at is not None else now
    if not began < body.until <= began + MAX_MAINTENANCE:
        raise invalid(
            "body.until",
            "is before the beginning, or more than 30 days after it"
            if later
            else "is past, or more than 30 days from now",
            hint="name a time within 30 days to come" if not later else "a window lasts at most 30 days",
        )
    if later:
        return PlanMaintenance(body.scope, began, body.until, body.reason, replaces)
    kind = StartMaintenance if replaces else OpenMaintenance
    return kind(body.scope, body.until, body.reason)


async def _send(write: WriteContext, command: MaintenanceCommand) -> int:
    """The log position of the command's event. Raises `UNAVAILABLE` if no detector answers."""
    request = request_for(write.principal, write.command_id, MAINTENANCE, command)
    reply = await write.gateway.bus.ask(OWNER, snake_case(type(command).__name__), request)
    if isinstance(reply, Problem):
        raise refused(reply)
    return reply.position
