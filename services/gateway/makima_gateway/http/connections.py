"""The limits of a connection, below ASGI: size of headers, deadlines, number of connections.

uvicorn 0.54 has a deadline only between two requests, no limit of a header (httptools joins the pieces of an
endless one in quadratic time), and forgets a WebSocket handshake that its parser refuses.
"""

import asyncio
import resource
from dataclasses import dataclass, field
from typing import Any, Final, cast

from makima_kernel.service.http_settings import HttpSettings
from makima_kernel.telemetry import metrics
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from makima_gateway.http.raw_problem import raw_problem
from makima_gateway.http.write_deadline import WriteDeadline

MAX_HEADER_BYTES: Final = 64 * 1024  # of a request line and its headers together
# Of a WebSocket handshake: those of the library `websockets`, which would not answer what exceeds them.
MAX_HANDSHAKE_LINE_BYTES: Final = 8 * 1024
MAX_HANDSHAKE_HEADERS: Final = 128
RESERVED_FILES: Final = 128  # open files that are not for clients: pools, broker, logs
CUT: Final = "cut"  # in the scope's state: a function that drops the connection with what it did not send

_OF_A_BODY: Final = frozenset({b"content-length", b"transfer-encoding"})


@dataclass(slots=True)
class Gate:
    """The connections of one server, of which none may keep the others out."""

    settings: HttpSettings
    # those on which no request is running, oldest first; any of them can make room for a new one
    waiting: dict["Connection", None] = field(default_factory=dict["Connection", None])

    @property
    def max_connections(self) -> int:
        """The setting, or less, if the process may not open as many files."""
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if files == resource.RLIM_INFINITY:
            return self.settings.max_connections
        return max(8, min(self.settings.max_connections, files - RESERVED_FILES))


class Connection(WriteDeadline, HttpToolsProtocol):
    """An HTTP connection within the limits of its `Gate`; use `of` to make a class for uvicorn."""

    gate: Gate

    @classmethod
    def of(cls, gate: Gate) -> type["Connection"]:
        made = {"gate": gate, "write_timeout_seconds": gate.settings.write_timeout_seconds}
        return type(cls.__name__, (cls,), made)

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._timer: asyncio.TimerHandle | None = None  # deadline of the header or body that is being read
        self._in_header = True
        self._header_bytes = 0  # of complete header lines
        # Fed since the parser last completed a message, its headers, or a piece of its body.
        self._unparsed_bytes = 0
        self._refused = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        asyncio_transport = cast("asyncio.Transport", transport)
        self.app_state = {**self.app_state, CUT: asyncio_transport.abort}
        super().connection_made(asyncio_transport)
        if len(self.connections) > self.gate.max_connections:
            if not self.gate.waiting:
                self._refuse(503, "the server has as many connections as it may have; try again in a second")
                return
            oldest = next(iter(self.gate.waiting))
            del self.gate.waiting[oldest]
            metrics.http_cut.labels("connections").inc()
            oldest.transport.abort()
        self.gate.waiting[self] = None
        self._arm(self.gate.settings.header_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._disarm()
        self._end_write_timer()
        self.gate.waiting.pop(self, None)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        self._unparsed_bytes += len(data)
        super().data_received(data)
        if self._unparsed_bytes > MAX_HEADER_BYTES:
            self._refuse_header()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_header, self._header_bytes = True, 0
        if self._timer is None:
            self._arm(self.gate.settings.header_timeout_seconds)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self._count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._count(len(name) + len(value) + 4)  # and `: ` and the line's end

    def on_headers_complete(self) -> None:
        self._in_header, self._unparsed_bytes = False, 0
        self.gate.waiting.pop(self, None)
        if self._refused:
            return
        self._arm(self.gate.settings.body_timeout_seconds)
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._unparsed_bytes = 0
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._unparsed_bytes = 0
        self._disarm()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.transport.is_closing():
            self._end_unread()
        elif not self.pipeline:
            self.gate.waiting[self] = None

    def handle_websocket_upgrade(self) -> None:
        """Refuses what the library `websockets` would not answer; else hands the connection over to it."""
        self._disarm()
        headers = {name: value for name, value in self.headers if name in _OF_A_BODY}
        too_long = max((len(name) + len(value) + 4 for name, value in self.headers), default=0)
        if (
            len(self.headers) > MAX_HANDSHAKE_HEADERS
            or max(too_long, len(self.url) + 16) > MAX_HANDSHAKE_LINE_BYTES
        ):
            lines = f"{MAX_HANDSHAKE_HEADERS} headers of {MAX_HANDSHAKE_LINE_BYTES} bytes each"
            self._refuse(431, f"a WebSocket handshake has at most {lines}")
        elif headers.get(b"content-length", b"0").strip() != b"0" or b"transfer-encoding" in headers:
            self._refuse(400, "a WebSocket handshake has no body")
        else:
            super().handle_websocket_upgrade()

    def send_400_response(self, msg: str) -> None:
        """Answers a parser's error as a problem; silently, as anybody can cause one at will."""
        del msg
        if not self._refused:
            self._refuse(400, "this is not HTTP/1.1")

    def timeout_keep_alive_handler(self) -> None:
        super().timeout_keep_alive_handler()
        self._end_unread()

    def _count(self, size: int) -> None:
        self._header_bytes += size
        if self._header_bytes > MAX_HEADER_BYTES:
            self._refuse_header()
            raise ValueError("the header is too large")  # ends the parser's work on this piece

    def _refuse_header(self) -> None:
        self._refuse(431, f"the request line and the headers have at most {MAX_HEADER_BYTES} bytes together")

    def _arm(self, seconds: float) -> None:
        self._disarm()
        self._timer = self.loop.call_later(seconds, self._too_slow)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _too_slow(self) -> None:
        self._timer = None
        if self._in_header and not self._unparsed_bytes and not self._header_bytes:
            self.transport.close()  # a connection on which nothing was asked
            return
        part = "headers" if self._in_header else "body"
        self._refuse(408, f"the {part} did not come in time")

    def _refuse(self, status: int, detail: str) -> None:
        """Answers, unless another answer has begun, and closes the connection."""
        if self._refused or self.transport.is_closing():
            return
        self._refused = True
        self._disarm()
        metrics.http_cut.labels(str(status)).inc()
        cycle = cast("RequestResponseCycle | None", self.cycle)
        if cycle is None or cycle.response_complete:
            begun = cycle is not None and not self._in_header
        else:
            begun = cycle.response_started
            cycle.disconnected = True
            cycle.message_event.set()
        if not begun:
            self.transport.write(raw_problem(status, detail))
        self.transport.close()
        self._end_unread()
