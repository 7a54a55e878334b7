"""The HTTP server of the health port, which anybody who reaches it may connect to."""

import socket
import sys
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final, cast

import structlog

PROBE_TIMEOUT_SECONDS: Final = (
    30.0  # from a connection to the end of its answer, which takes a few seconds at most
)
MAX_PROBES: Final = 256  # connections at once
_Request = socket.socket | tuple[bytes, socket.socket]  # as the base class names both kinds; it is a socket


class ProbeServer(ThreadingHTTPServer):
    """Answers each probe on a thread of its own. Anybody who reaches the port may connect, so one that does not come to
    its end in time is cut, and so is the oldest where there are too many: a new probe is always answered.
    """

    daemon_threads = True

    def __init__(self, address: tuple[str, int], handler: type[BaseHTTPRequestHandler]) -> None:
        # When each open connection began; oldest first. Two kinds of threads use it, by one operation at a time.
        self._open: dict[_Request, float] = {}
        super().__init__(address, handler)

    def process_request(self, request: _Request, client_address: object) -> None:
        self._open[request] = time.monotonic()
        super().process_request(request, client_address)  # pyright: ignore[reportArgumentType] - any address

    def shutdown_request(self, request: _Request) -> None:
        self._open.pop(request, None)
        super().shutdown_request(request)

    def service_actions(self) -> None:
        """Called by `serve_forever` after each request, and every `SERVER_POLL_SECONDS`."""
        too_old = time.monotonic() - PROBE_TIMEOUT_SECONDS
        excess = len(self._open) - MAX_PROBES
        for number, (request, began) in enumerate(list(self._open.items())):
            if number >= excess and began > too_old:
                break
            self._open.pop(request, None)
            with suppress(OSError):  # its thread has just closed it
                cast("socket.socket", request).shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002 - of the base class
        """A probe that hangs up before its answer is no fault of ours; the base class would write its
        traceback to stderr.
        """
        error = sys.exception()
        log = structlog.get_logger().bind(client=str(client_address), reason=repr(error))
        if isinstance(error, ConnectionError):
            log.debug("health.probe_hung_up")
        else:
            log.error("health.request_failed", exc_info=error)


class IPv6ProbeServer(ProbeServer):
    address_family = socket.AF_INET6
