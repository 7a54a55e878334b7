"""Answers every error as RFC 9457 `application/problem+json`: refusals, invalid requests, outages."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final, cast

import orjson
import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from makima_kernel.commands.members import UNKNOWN_MEMBER, unknown_member
from makima_kernel.event_log.errors import DATABASE_UNAVAILABLE, POSTGRES_REFUSED
from makima_kernel.telemetry import traces
from makima_schemas.errors import HTTP_STATUS, ErrorCode
from makima_schemas.refusal import Refused
from starlette.exceptions import HTTPException
from starlette.responses import Response

MEDIA_TYPE = "application/problem+json"
MAX_ERRORS: Final = 20  # of one refused request, whose body may have thousands
MAX_ERROR_CHARACTERS: Final = 200  # of a path or message in such an error
RETRY_AFTER_SECONDS: Final = 1  # for refusals of load, which a moment may end
RETRY_AFTER: Final = {"Retry-After": str(RETRY_AFTER_SECONDS)}
_OF_LOAD: Final = frozenset({ErrorCode.TOO_MANY_REQUESTS, ErrorCode.OVERLOADED})
_BY_STATUS = {
    404: ErrorCode.NOT_FOUND,
    405: ErrorCode.METHOD_NOT_ALLOWED,
    413: ErrorCode.PAYLOAD_TOO_LARGE,
    415: ErrorCode.UNSUPPORTED_MEDIA_TYPE,
}


def problem_response(refused: Refused, headers: dict[str, str] | None = None) -> Response:
    """The problem document; `type` contains the code, and `trace_id` is also in the log."""
    status = HTTP_STATUS[refused.code]
    if refused.code is ErrorCode.UNAUTHORIZED:
        headers = {"WWW-Authenticate": "Bearer"} | (headers or {})
    members = refused.members
    if refused.code in _OF_LOAD:
        headers = RETRY_AFTER | (headers or {})
        members = {"retry_after_seconds": RETRY_AFTER_SECONDS, **members}
    body = {
        "type": f"urn:makima:problem:{refused.code.lower()}",
        "title": refused.code.replace("_", " ").capitalize(),
        "status": status,
        "detail": refused.detail,
        "code": refused.code,
        "hint": refused.hint,
        "trace_id": traces.trace_id(),
        **members,
    }
    return Response(orjson.dumps(body), status, headers, MEDIA_TYPE)


def invalid(path: str, message: str, *, hint: str | None = None) -> Refused:
    """`INVALID_REQUEST` about one part of the request: `path`, e.g. `query.cursor`, `header.If-Match`."""
    return Refused(
        ErrorCode.INVALID_REQUEST,
        f"{path}: {message}",
        hint=hint,
        errors=[{"path": path, "message": message}],
    )


def unknown_contract(contract_id: str) -> Refused:
    """The contract does not exist or is another owner's: the same text, so that it reveals nothing."""
    return Refused(ErrorCode.CONTRACT_NOT_FOUND, f"there is no contract {contract_id}")


def unknown_daemon(daemon_id: str) -> Refused:
    """As `unknown_contract`."""
    return Refused(ErrorCode.DAEMON_NOT_FOUND, f"there is no daemon {daemon_id}")


def unknown_supervisor(contract_id: str) -> Refused:
    """`SUPERVISOR_NOT_FOUND`."""
    return Refused(
        ErrorCode.SUPERVISOR_NOT_FOUND,
        f"contract {contract_id} has no such supervisor that ever sent a heartbeat",
        hint="send a heartbeat first",
    )


def unknown_agent(contract_id: str, role: str, at: str | None = None) -> Refused:
    """`PARTICIPANT_NOT_FOUND`: nobody joined, ever or until the version or time `at`."""
    joined, hint = "ever joined", f"join: POST /api/v1/contracts/{contract_id}/agents/{role}/join"
    if at is not None:
        joined, hint = f"had joined by {at}", "take a later `at`, or none"
    return Refused(
        ErrorCode.PARTICIPANT_NOT_FOUND, f"contract {contract_id}: no agent {joined} as {role}", hint=hint
    )


def unavailable(error: Exception) -> Refused:
    """An internal component is unreachable or failed. The outcome of a write is unknown to the client.

    A repeat with the same idempotency key returns the outcome of the first try.
    """
    detail = f"an internal error occurred: {type(error).__name__}"
    return Refused(ErrorCode.UNAVAILABLE, detail, hint="try again with the same Idempotency-Key")


def broker_away(error: Exception) -> Refused:
    """`UNAVAILABLE`, where only the broker knows the answer."""
    return Refused(
        ErrorCode.UNAVAILABLE,
        f"the broker does not answer: {type(error).__name__}",
        hint="try again; /healthz of each service says what it lacks",
    )


def install(app: FastAPI) -> None:
    """Register handlers that turn refusals and errors of FastAPI, Starlette and Postgres into problems."""
    app.add_exception_handler(Refused, _refused)
    app.add_exception_handler(RequestValidationError, _unfit)
    app.add_exception_handler(HTTPException, _routed)
    for away in DATABASE_UNAVAILABLE:
        app.add_exception_handler(away, _away)
    for refused in POSTGRES_REFUSED:
        app.add_exception_handler(refused, _data_refused)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return problem_response(error)


async def _unfit(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    errors = [
        {
            "path": ".".join(str(part) for part in item["loc"])[:MAX_ERROR_CHARACTERS],
            "message": _message(request, item)[:MAX_ERROR_CHARACTERS],
        }
        for item in islice(error.errors(), MAX_ERRORS)
    ]
    detail = "; ".join(f"{item['path']}: {item['message']}" for item in errors[:3])
    return problem_response(Refused(ErrorCode.INVALID_REQUEST, detail, errors=errors))


def _message(request: Request, item: Mapping[str, Any]) -> str:
    """What is wrong; for a member that the route's schema does not know, which one is nearest."""
    where, *path = cast("tuple[str | int, ...]", item["loc"])
    route = request.scope.get("route")
    if item["type"] not in UNKNOWN_MEMBER or not path or not isinstance(route, APIRoute):
        return str(item["msg"])
    of_query = [field.field_info.annotation for field in route.dependant.query_params]
    of_body = [route.body_field.field_info.annotation] if route.body_field else []
    return unknown_member(tuple[tuple(of_query if where == "query" else of_body)], path)


async def _routed(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = _BY_STATUS.get(error.status_code, ErrorCode.INVALID_REQUEST)
    match code:
        case ErrorCode.NOT_FOUND:
            refused = Refused(
                code,
                f"there is no {request.url.path[:MAX_ERROR_CHARACTERS]}",
                hint="/docs lists the routes",
            )
        case ErrorCode.METHOD_NOT_ALLOWED:
            path = request.url.path[:MAX_ERROR_CHARACTERS]
            refused = Refused(code, f"{path} does not support {request.method}")
        case _:
            refused = invalid("body", str(error.detail))
    return problem_response(refused, dict(error.headers) if error.headers else None)


async def _away(request: Request, error: Exception) -> Response:
    if isinstance(error, ValueError):  # asyncpg's encoders raise an InterfaceError that is one
        return await _data_refused(request, error)
    return problem_response(unavailable(error))


async def _data_refused(request: Request, error: Exception) -> Response:
    """A value of the request that the database does not take: no repeat makes it better.

    Its bounds ought to have refused it, so it is logged.
    """
    structlog.get_logger().error("http.data_refused", path=request.url.path, reason=repr(error))
    detail = f"the database does not take a value of the request: {str(error)[:200]}"
    return problem_response(Refused(ErrorCode.INVALID_REQUEST, detail, hint="nothing was changed", errors=[]))


@dataclass(frozen=True, slots=True)
class ProblemDetails:
    """An RFC 9457 problem document. A code may add members of its own (domain.md, Errors)."""

    type: str  # urn:makima:problem:<code in lower case>
    title: str
    status: int
    detail: str
    code: ErrorCode
    hint: str | None  # what to do next
    trace_id: str | None  # of the request, in hexadecimal
