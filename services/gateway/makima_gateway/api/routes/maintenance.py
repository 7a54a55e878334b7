"""Starts, shows and ends maintenance windows, for administrators."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query
from makima_kernel.commands.router import snake_case
from makima_schemas.commands import Problem
from makima_schemas.errors import ErrorCode
from makima_schemas.maintenance import Window, Windows
from makima_schemas.refusal import Refused
from makima_schemas.silence import (
    MAINTENANCE,
    EndMaintenance,
    MaintenanceCommand,
    OpenMaintenance,
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


@router.get("/maintenance", response_model=MaintenanceWindows)
async def show_maintenance(read: Reading) -> Response:
    """What the log says now, whatever the read model shows."""
    return read.answer(windows_view(await read.gateway.maintenance.now()))


@router.post("/maintenance", status_code=201, response_model=MaintenanceWindow)
async def open_maintenance(body: StartMaintenanceBody, write: Writing) -> Response:
    """As `PUT`, but `CONFLICT` where the scope has a window with another end or reason: nobody's is lost. Answers with
    this window.
    """
    _check_until(body.until)
    position = await _send(write, OpenMaintenance(body.scope, body.until, body.reason))
    opened = (await write.gateway.maintenance.now()).open.get(body.scope)
    if opened is None:  # a repeat, of what has ended
        opened = Window(body.scope, datetime.now(UTC), body.until, body.reason, write.principal.actor)
    return json_response(_view(opened), {POSITION: str(position)}, status=201)


@router.put("/maintenance", response_model=MaintenanceWindows)
async def start_maintenance(body: StartMaintenanceBody, write: Writing) -> Response:
    """Verdicts of silence about the senders of the scope wait until `until`, at most 30 days from now, or until the
    maintenance is ended; from then on each has a full timeout. Answers with all windows.
    """
    _check_until(body.until)
    position = await _send(write, StartMaintenance(body.scope, body.until, body.reason))
    return json_response(windows_view(await write.gateway.maintenance.now()), {POSITION: str(position)})


@router.delete("/maintenance", response_model=MaintenanceWindows)
async def end_maintenance(scope: Annotated[Scope, Query()], write: Writing) -> Response:
    """Answers with the windows that are left. One that is not open is ended already."""
    position = await _send(write, EndMaintenance(scope))
    return json_response(windows_view(await write.gateway.maintenance.now()), {POSITION: str(position)})


@router.delete("/maintenance/{window_id}", status_code=204)
async def close_maintenance(window_id: Annotated[Scope, Path()], write: Writing) -> Response:
    """That window alone; its senders have a full timeout from now on."""
    if window_id not in (await write.gateway.maintenance.now()).open and not write.repeatable:
        raise Refused(
            ErrorCode.NOT_FOUND,
            f"there is no maintenance window {window_id}",
            hint="it has ended, or never began: GET /api/v1/maintenance lists those that are open",
        )
    position = await _send(write, EndMaintenance(window_id))
    return Response(status_code=204, headers={POSITION: str(position)})


def windows_view(windows: Windows) -> MaintenanceWindows:
    opened = sorted(windows.open.values(), key=lambda one: (one.started_at, one.scope))
    return MaintenanceWindows([_view(one) for one in opened])


def _view(one: Window) -> MaintenanceWindow:
    return MaintenanceWindow(one.scope, one.scope, one.started_at, one.until, one.reason, one.started_by)


def _check_until(until: datetime) -> None:
    now = datetime.now(UTC)
    if not now < until <= now + MAX_MAINTENANCE:
        raise invalid(
            "body.until", "is past, or more than 30 days from now", hint="name a time within 30 days to come"
        )


async def _send(write: WriteContext, command: MaintenanceCommand) -> int:
    """The log position of the command's event. Raises `UNAVAILABLE` if no detector answers."""
    request = request_for(write.principal, write.command_id, MAINTENANCE, command)
    reply = await write.gateway.bus.ask(OWNER, snake_case(type(command).__name__), request)
    if isinstance(reply, Problem):
        raise refused(reply)
    return reply.position
