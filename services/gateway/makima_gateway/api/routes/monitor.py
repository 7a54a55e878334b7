"""The monitor as a WebSocket, whose filter the client can change, and as Server-Sent Events."""

from typing import Annotated

from fastapi import APIRouter, Header, Query, WebSocket
from makima_schemas.refusal import Refused
from starlette.responses import Response

from makima_gateway.api.context import CurrentGateway
from makima_gateway.api.features import monitoring
from makima_gateway.auth.principal import CurrentPrincipal
from makima_gateway.http.problems import problem_response
from makima_gateway.monitor.filter import EVENT_ID_PATTERN, MonitorFilterQuery
from makima_gateway.monitor.sse import EventStream
from makima_gateway.monitor.websocket import MonitorSocket

router = APIRouter(tags=["monitor"])
LastEventId = Annotated[
    str | None,
    Header(
        alias="Last-Event-ID",
        pattern=EVENT_ID_PATTERN,
        description="id of the last event that was received; overrides since and epoch",
    ),
]


@router.websocket("/contracts/monitor")
async def monitor(websocket: WebSocket, gateway: CurrentGateway, principal: CurrentPrincipal) -> None:
    try:
        await monitoring(gateway)
    except Refused as refused:
        await websocket.send_denial_response(problem_response(refused))
        return
    await MonitorSocket(websocket, gateway.monitor, principal).run()


@router.get("/contracts/monitor/events", status_code=200, response_class=EventStream)
async def monitor_events(
    query: Annotated[MonitorFilterQuery, Query()],
    gateway: CurrentGateway,
    principal: CurrentPrincipal,
    last_event_id: LastEventId = None,
) -> Response:
    """The monitor as Server-Sent Events: first `hello`, then events as they happen.

    An event's id is the log's epoch and its position in it, `<epoch>:<position>`.
    """
    await monitoring(gateway)
    wanted = query.filter(last_event_id)
    place_known = last_event_id is None or wanted.epoch is not None
    return EventStream(gateway.monitor, principal, wanted, place_known=place_known)
