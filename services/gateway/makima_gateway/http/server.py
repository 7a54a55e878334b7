"""Runs uvicorn as a task of the service, which binds the socket, handles signals and stops the server."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

import uvicorn
from makima_kernel.service.http_settings import HttpSettings
from starlette.types import ASGIApp

from makima_gateway.http.connections import Connection, Gate
from makima_gateway.http.security_headers import SECURITY_HEADERS
from makima_gateway.http.web_sockets import Socket

SOCKETS_CLOSE_TIMEOUT_SECONDS: Final = (
    1.0  # on shutdown: for monitor sockets to complete their close handshake
)
SOCKETS_POLL_SECONDS: Final = 0.01
REQUESTS_DRAIN_TIMEOUT_SECONDS: Final = 5  # on shutdown: for running requests
MAX_SOCKET_MESSAGE: Final = 64 * 1024  # bytes of a message from a WebSocket client


@dataclass(frozen=True, slots=True)
class Tls:
    """The files, in PEM, with which the API is served over TLS. They are read once, at the start."""

    cert_file: Path  # the certificate, then those between it and the root
    key_file: Path

    @classmethod
    def of(cls, cert_file: Path | None, key_file: Path | None) -> Self | None:
        return cls(cert_file, key_file) if cert_file and key_file else None


class PortTakenError(OSError):
    """The address cannot be bound; the message names it."""


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_listening: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_listening = on_listening

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_listening()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Install no signal handlers: the service handles signals and cancels `serve`."""
        yield


def listen(host: str, port: int) -> socket.socket:
    """A bound TCP socket; port 0 takes a free one. Raises `PortTakenError`."""
    # asyncio sets TCP_NODELAY only on sockets whose protocol is IPPROTO_TCP. Without it (Nagle's algorithm),
    # each response would wait 40 ms for the client's delayed ACK.
    bound = socket.socket(
        socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP
    )
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((host, port))
    except OSError as error:
        bound.close()
        raise PortTakenError(f"{host}:{port} cannot be opened: {error.strerror}") from error
    return bound


_IRRELEVANT: Final = (
    "ASGI callable returned without completing handshake",  # for each handshake that is refused
    "ASGI callable returned without completing response",  # for each event stream whose token was revoked
    "Invalid HTTP request received",
    "Unsupported upgrade request",
)


def _is_relevant(record: logging.LogRecord) -> bool:
    """Log filter: False for the lines of uvicorn 0.54 about each request that anybody can send, also without a token.

    A client could fill the disk with such lines.
    """
    return not record.getMessage().startswith(_IRRELEVANT)


async def serve(
    app: ASGIApp,
    bound: socket.socket,
    settings: HttpSettings,
    *,
    on_listening: Callable[[], None],
    close_sockets: Callable[[], None],
    tls: Tls | None = None,
) -> None:
    """Serve until cancelled; then close monitor sockets (`close_sockets`) and finish running requests.

    `on_listening` is called once clients can connect: a bound socket refuses them until it listens. `tls`
    None: plain HTTP.
    """
    gate = Gate(settings)
    logging.getLogger("uvicorn.error").addFilter(_is_relevant)
    config = uvicorn.Config(
        app,
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        headers=[(name.decode(), value.decode()) for name, value in SECURITY_HEADERS],
        http=Connection.of(gate),
        ws=Socket.of(gate),
        ws_max_size=MAX_SOCKET_MESSAGE,
        ws_per_message_deflate=False,
        ws_ping_interval=20,
        ws_ping_timeout=60,
        timeout_graceful_shutdown=REQUESTS_DRAIN_TIMEOUT_SECONDS,
        timeout_keep_alive=settings.idle_timeout_seconds,
        ssl_certfile=tls and tls.cert_file,
        ssl_keyfile=tls and str(tls.key_file),
    )
    server = _Server(config, on_listening)
    serving = asyncio.create_task(server.serve([bound]), name="uvicorn")
    try:
        await asyncio.shield(serving)
    except asyncio.CancelledError:
        close_sockets()
        await _deserted(server)
        server.should_exit = True
        await serving
        raise


async def _deserted(server: uvicorn.Server) -> None:
    """Until no connection is left, for as long as the goodbye may take."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(SOCKETS_CLOSE_TIMEOUT_SECONDS):
            while server.server_state.connections:  # noqa: ASYNC110 - uvicorn tells nobody when one ends
                await asyncio.sleep(SOCKETS_POLL_SECONDS)
