"""A whole answer with a problem document as bytes, for what is refused below ASGI."""

from typing import Final

import orjson
from makima_schemas.errors import ErrorCode

from makima_gateway.http.no_store import NO_STORE
from makima_gateway.http.security_headers import SECURITY_HEADERS

_REASON: Final = {
    400: "Bad Request",
    408: "Request Timeout",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


def raw_problem(status: int, detail: str) -> bytes:
    """The bytes of a whole answer with a problem document (RFC 9457), for what reaches no application."""
    code = ErrorCode.OVERLOADED if status == 503 else ErrorCode.INVALID_REQUEST
    body = orjson.dumps(
        {
            "type": f"urn:makima:problem:{code.lower()}",
            "title": _REASON[status],
            "status": status,
            "detail": detail,
            "code": code,
            "hint": None,
            "trace_id": None,
        }
    )
    headers = [
        *SECURITY_HEADERS,
        NO_STORE,
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    headers += [(b"retry-after", b"1")] if status == 503 else []
    lines = [
        f"HTTP/1.1 {status} {_REASON[status]}".encode(),
        *(name + b": " + value for name, value in headers),
    ]
    return b"\r\n".join([*lines, b"", body])
