"""The limits of a WebSocket connection, below ASGI."""

import asyncio
from typing import cast

from makima_kernel.telemetry import metrics
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from makima_gateway.http.connections import CUT, Gate
from makima_gateway.http.raw_problem import raw_problem
from makima_gateway.http.write_deadline import WriteDeadline


class Socket(WriteDeadline, WebSocketsSansIOProtocol):
    """A WebSocket connection whose client has to read, and whose handshake is answered in any case."""

    @classmethod
    def of(cls, gate: Gate) -> type["Socket"]:
        return type(cls.__name__, (cls,), {"write_timeout_seconds": gate.settings.write_timeout_seconds})

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.app_state = {**self.app_state, CUT: cast("asyncio.Transport", transport).abort}
        super().connection_made(transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_write_timer()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if not self.handshake_initiated and not self.transport.is_closing():
            self.handshake_complete = self.close_sent = True
            metrics.http_cut.labels("400").inc()
            self.transport.write(raw_problem(400, "this is not a WebSocket handshake"))
            self.transport.close()
