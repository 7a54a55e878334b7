"""The monitor socket's route."""

from fastapi import APIRouter, WebSocket
from makima_schemas.refusal import Refused

from services.gateway.context import Here
from services.gateway.features import monitoring
from services.gateway.principal import Asker
from services.gateway.problems import problem_response
from services.gateway.socket import MonitorSocket

router = APIRouter()


@router.websocket("/contracts/monitor")
async def monitor(websocket: WebSocket, gateway: Here, principal: Asker) -> None:
    try:
        await monitoring(gateway)
    except Refused as refused:
        await websocket.send_denial_response(problem_response(refused))
        return
    await MonitorSocket(websocket, gateway, principal).run()
