"""Outermost ASGI middleware: traces, measures and logs requests; refuses other hosts, callers without a token,
and bodies too large or not JSON, in this order: nothing is read of a request that is refused anyway.
"""

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from time import perf_counter
from typing import Final, cast

import structlog
from makima_kernel.commands.decoding import MAX_COMMAND_BYTES
from makima_kernel.telemetry import metrics, traces
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from opentelemetry.trace import SpanKind
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from makima_gateway.http.problems import problem_response, unavailable
from makima_gateway.http.security_headers import SECURITY_HEADERS

MAX_DISCARDED_BODY_BYTES: Final = (
    8 * 1024 * 1024
)  # how much of a body that is too large is read and discarded
DISCARD_BODY_TIMEOUT_SECONDS: Final = 2.0  # and for how long at most
CALLER_ID: Final = "caller_id"  # in the scope's state: the id of the caller's token
WAITED: Final = "waited"  # and how many seconds the request waited because it wanted to
SIGN_IN_PATH: Final = "/"  # of a link that signs a browser in
SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})  # methods that are not logged


# Lets a request in, before its body is read: raises `Refused`, or holds what the request takes while it runs,
# and puts the caller's token id into the scope's state as `caller_id`.
Admission = Callable[[Scope], AbstractAsyncContextManager[None]]


class RequestMiddleware:
    """ASGI middleware.

    An unexpected exception becomes a problem `UNAVAILABLE` with a trace id, never a bare 500.
    """

    def __init__(self, app: ASGIApp, admission: Admission) -> None:
        self._app = app
        self._admission = admission

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._connect(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        method = cast("str", scope["method"])
        if method == "HEAD":
            # As a GET; the server sends no body of an answer to a HEAD. A stream would never end, and a program
            # that only looks where a link leads must not use up its code.
            as_get = scope["path"] != SIGN_IN_PATH and not scope["path"].endswith("/monitor/events")
            scope = {**scope, "method": "GET" if as_get else method}
        status = 0
        started = perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        with traces.span(f"HTTP {method}", parent=headers.get(traces.HEADER), kind=SpanKind.SERVER) as span:
            try:
                async with self._admission(scope):
                    # Who goes away in the middle of a body waits for no answer (status 0), and nothing has failed.
                    with suppress(ClientDisconnect):
                        await self._app(scope, await _bounded(headers, receive), sending)
            # the rest of the body stays unread; close the connection, unless uvicorn can skip it soon
            except Refused as refused:
                close = {} if _is_short(headers) else {"Connection": "close"}
                await problem_response(refused, close)(scope, receive, sending)
            except Exception as error:
                await structlog.get_logger().aerror(
                    "http.failed", method=method, path=scope["path"], exc_info=error
                )
                if status:
                    raise
                await problem_response(unavailable(error))(scope, receive, sending)
            route = getattr(scope.get("route"), "path", "none")
            span.update_name(f"HTTP {method} {route}")
            waited = cast("float", scope.get("state", {}).get(WAITED, 0.0))
            seconds = perf_counter() - started - waited
            metrics.http_seconds.labels(method, route, status).observe(seconds)
            token_id = scope.get("state", {}).get(CALLER_ID)
            # who has no token cannot fill the log
            if method not in SAFE and token_id is not None:
                structlog.get_logger().info(
                    "http.request",
                    method=method,
                    path=scope["path"],
                    status=status,
                    token_id=token_id,
                    ms=round(seconds * 1000, 1),
                )

    async def _connect(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A WebSocket's handshake. uvicorn adds its default headers to the one that is accepted only."""

        async def sending(message: Message) -> None:
            if message["type"] == "websocket.http.response.start":
                message["headers"] = [*message.get("headers", ()), *SECURITY_HEADERS]
            await send(message)

        try:
            async with self._admission(scope):
                await self._app(scope, receive, sending)
        except Refused as refused:
            await WebSocket(scope, receive, sending).send_denial_response(problem_response(refused))


def _is_short(headers: Headers) -> bool:
    """True if the request declares a body that is no larger than one that is read."""
    declared = headers.get("content-length", "0")
    return "transfer-encoding" not in headers and declared.isdecimal() and int(declared) <= MAX_COMMAND_BYTES


async def _bounded(headers: Headers, receive: Receive) -> Receive:
    """Read the whole body, and return a `receive` that yields it again.

    Raises `PAYLOAD_TOO_LARGE` for more than `MAX_COMMAND_BYTES`, and `UNSUPPORTED_MEDIA_TYPE` for a body
    whose Content-Type is not JSON.
    """
    _check_head(headers)
    declared = headers.get("content-length", "0")
    if not declared.isdecimal() or int(declared) > MAX_COMMAND_BYTES:
        raise await _too_large(receive)
    body = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            return receive
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > MAX_COMMAND_BYTES:
            raise await _too_large(receive)
    if body:
        _check_media_type(headers.get("content-type", ""))
    replayed = False

    async def replay() -> Message:
        nonlocal replayed
        if replayed:
            return await receive()
        replayed = True
        return {"type": "http.request", "body": bytes(body), "more_body": False}

    return replay


def _check_head(headers: Headers) -> None:
    """Refuse, before any of it is read, a body that is compressed, or too large and waits for `100 Continue`."""
    if (encoding := headers.get("content-encoding", "identity").strip().lower()) != "identity":
        detail = f"a body must be sent as it is, not with the Content-Encoding {encoding[:50]!r}"
        raise Refused(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail, hint="leave out Content-Encoding")
    declared = headers.get("content-length", "0")
    waits = headers.get("expect", "").lower() == "100-continue"
    if waits and declared.isdecimal() and int(declared) > MAX_COMMAND_BYTES:
        raise _over_limit()


async def _too_large(receive: Receive) -> Refused:
    """Read and discard more of the body before refusing it.

    A client whose connection is closed while it still sends does not see the response.
    """
    passed_over = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(DISCARD_BODY_TIMEOUT_SECONDS):
            while passed_over < MAX_DISCARDED_BODY_BYTES:
                message = await receive()
                passed_over += len(message.get("body", b""))
                if not message.get("more_body", False):
                    break
    return _over_limit()


def _over_limit() -> Refused:
    return Refused(
        ErrorCode.PAYLOAD_TOO_LARGE,
        f"a body may have at most {MAX_COMMAND_BYTES} bytes",
        limit=MAX_COMMAND_BYTES,
    )


def _check_media_type(declared: str) -> None:
    media_type = declared.partition(";")[0].strip().lower()
    if media_type != "application/json" and not (
        media_type.startswith("application/") and media_type.endswith("+json")
    ):
        detail = f"a body must be application/json, not {media_type or 'of no declared type'}"
        raise Refused(ErrorCode.UNSUPPORTED_MEDIA_TYPE, detail, hint="send Content-Type: application/json")
