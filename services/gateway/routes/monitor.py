"""The monitor socket's route."""

from fastapi import APIRouter, WebSocket

from services.gateway.context import Here
from services.gateway.principal import Asker
from services.gateway.socket import MonitorSocket

router = APIRouter()


@router.websocket("/contracts/monitor")
async def monitor(websocket: WebSocket, gateway: Here, principal: Asker) -> None:
    await MonitorSocket(websocket, gateway, principal).run()
