"""The monitor as a WebSocket: receives filters and sends messages; a slow client delays only itself."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import Final

import orjson
from makima_kernel.commands.members import UNKNOWN_MEMBER, unknown_member
from makima_kernel.telemetry import metrics
from makima_schemas.errors import ErrorCode
from pydantic import ValidationError
from pydantic_core import ErrorDetails
from starlette.websockets import WebSocket, WebSocketDisconnect

from makima_gateway.auth.principal import Principal
from makima_gateway.http.connections import CUT
from makima_gateway.http.problems import MAX_ERROR_CHARACTERS, MAX_ERRORS
from makima_gateway.monitor.filter import MonitorFilter
from makima_gateway.monitor.monitor import Monitor
from makima_gateway.monitor.subscriber import Subscriber
from makima_gateway.monitor.transport import Message

GOING_AWAY: Final = 1001, "the server is shutting down; reconnect with since"
REVOKED: Final = 1008, "the token was revoked"


class MonitorSocket:
    """One WebSocket client: passes its filters to a `Subscriber`, and is that subscriber's `Transport`."""

    def __init__(self, websocket: WebSocket, monitor: Monitor, principal: Principal) -> None:
        self._socket = websocket
        self._subscriber = Subscriber(monitor, principal, self)

    async def run(self) -> None:
        """Serve the connection from the handshake until it is closed by either side."""
        with metrics.exported(metrics.open_sockets).track_inprogress(), suppress(WebSocketDisconnect):
            try:
                await self._socket.accept(subprotocol=_bearer(self._socket))
                async with asyncio.TaskGroup() as both:
                    tasks = [
                        both.create_task(part(), name="monitor socket")
                        for part in (self._run_subscriber, self._end_revoked)
                    ]
                    await self._listen()
                    for task in tasks:
                        task.cancel()
            except* WebSocketDisconnect:
                pass  # the client disconnected during a send
            finally:
                self._subscriber.leave()

    async def send(self, kind: str, message: str, resume_at: str | None) -> None:
        """As `Transport.send`; `kind` and the position are in the message already."""
        del kind, resume_at
        await self._socket.send_text(message)

    async def send_together(self, messages: Sequence[Message]) -> None:
        """As one JSON array: a browser's main thread pays for each frame."""
        await self._socket.send_text(f"[{','.join(message.text for message in messages)}]")

    async def _run_subscriber(self) -> None:
        await self._subscriber.run()
        await self._socket.close(*(REVOKED if self._subscriber.revoked else GOING_AWAY))

    async def _end_revoked(self) -> None:
        await self._subscriber.until_revoked(self._socket.scope["state"][CUT])

    async def _listen(self) -> None:
        """Receive filters until the client disconnects; answer an invalid one with a `problem`."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            try:
                self._subscriber.set_filter(
                    MonitorFilter.model_validate_json(message.get("text") or message.get("bytes") or b"")
                )
            except ValidationError as error:
                await self._refuse(error)

    async def _refuse(self, error: ValidationError) -> None:
        # `hello` must be the first message, however early the filter came
        await self._subscriber.hello_sent.wait()
        found = error.errors(include_url=False, include_context=False, include_input=False)
        errors = [
            {
                "path": ".".join(str(part) for part in item["loc"])[:MAX_ERROR_CHARACTERS],
                "message": _message(item)[:MAX_ERROR_CHARACTERS],
            }
            for item in found[:MAX_ERRORS]
        ]
        problem = {
            "type": "problem",
            "code": ErrorCode.INVALID_REQUEST,
            "detail": "the filter is invalid; the previous one stays in force",
            "hint": f"send a JSON object with any of {', '.join(MonitorFilter.model_fields)}",
            "errors": errors,
        }
        await self._socket.send_text(orjson.dumps(problem).decode())


def _message(error: ErrorDetails) -> str:
    return unknown_member(MonitorFilter, error["loc"]) if error["type"] in UNKNOWN_MEMBER else error["msg"]


def _bearer(websocket: WebSocket) -> str | None:
    """The offered subprotocol with the token: the server must select it, else the client disconnects."""
    offered: list[str] = websocket.scope.get("subprotocols", [])
    return next((name for name in offered if name.startswith("bearer.")), None)
