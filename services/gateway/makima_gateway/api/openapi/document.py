"""Generates the OpenAPI document: FastAPI's own, completed with each route's errors, headers and examples."""

from collections.abc import Iterator
from functools import cache
from typing import Final, cast

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from makima_schemas.errors import HTTP_STATUS, MEMBERS, WHEN, ErrorCode

from makima_gateway.api.lenient_bodies import schemas
from makima_gateway.api.openapi import examples, problem_examples
from makima_gateway.api.openapi.operations import OPERATIONS, Operation
from makima_gateway.http import responses as answers
from makima_gateway.http.problems import MEDIA_TYPE as PROBLEM
from makima_gateway.monitor import sse as stream

Json = dict[str, object]

IDEMPOTENCY_KEY: Final = "Idempotency-Key"  # a route that takes this header is a write
# schemas answered with an ETag
VERSIONED: Final = frozenset({"Contract", "AutoCompleteSummary", "Export", "Health"})
# Path parameter → the error code if it names nothing.
NOT_THERE: Final = {
    "contract_id": ErrorCode.CONTRACT_NOT_FOUND,
    "task_id": ErrorCode.TASK_NOT_FOUND,
    "question_id": ErrorCode.QUESTION_NOT_FOUND,
    "daemon_id": ErrorCode.DAEMON_NOT_FOUND,
    "token_id": ErrorCode.NOT_FOUND,
    "letter_id": ErrorCode.NOT_FOUND,
    "window_id": ErrorCode.NOT_FOUND,
    "role": ErrorCode.PARTICIPANT_NOT_FOUND,
    "deliverable_id": ErrorCode.INVALID_DELIVERABLE,
}
# The error codes of every route, of every write, and of every route with a body.
ALWAYS: Final = frozenset(
    {
        ErrorCode.UNAUTHORIZED,
        ErrorCode.FORBIDDEN,
        ErrorCode.MISDIRECTED_REQUEST,
        ErrorCode.INVALID_REQUEST,
        ErrorCode.TOO_MANY_REQUESTS,
        ErrorCode.UNAVAILABLE,
    }
)
OF_WRITES: Final = frozenset(
    {
        ErrorCode.IDEMPOTENCY_KEY_REUSED,
        ErrorCode.VERSION_CONFLICT,
        ErrorCode.QUOTA_EXCEEDED,
        ErrorCode.OVERLOADED,
    }
)
OF_BODIES: Final = frozenset({ErrorCode.UNSUPPORTED_MEDIA_TYPE, ErrorCode.PAYLOAD_TOO_LARGE})
HEADERS: Final[Json] = {
    "ETag": {
        "description": "The contract's version in quotes, as `If-Match` expects it.",
        "schema": {"type": "string", "pattern": '^"[0-9]+"$'},
        "example": '"3"',
    },
    answers.POSITION: {
        "description": "Log position of this write. Send it as `Makima-Min-Position` in a later read to see the write.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 4711,
    },
    answers.READ_BEHIND: {
        "description": "`true` if the read model has not reached the requested position, so that the response may be outdated; else absent.",
        "schema": {"const": "true"},
        "example": "true",
    },
}
PARAMETERS: Final = {
    IDEMPOTENCY_KEY: "identifies this write: a repeat with the same key returns the first response and changes nothing",
    "If-Match": "the expected version, as in the ETag; VERSION_CONFLICT if the contract has another one",
    "If-None-Match": "versions that the caller has, as in the ETag; 304 while the contract has one of them",
    "Prefer": "`wait=<seconds>`: with If-None-Match, wait so long for another version, at most 30 s",
    answers.MIN_POSITION: "wait up to 2 s until the read model has reached this log position",
    "limit": "maximum number of items on the page",
    "cursor": "next_cursor of the previous page",
}


@cache
def document(app: FastAPI) -> Json:
    """The OpenAPI 3.1 document, generated at the first call.

    Raises `KeyError` for a route that OPERATIONS lacks.
    """
    made: Json = get_openapi(
        title=app.title, version=app.version, description=app.description, routes=app.routes
    )
    components = _in(made, "components")
    _in(components, "schemas").update(schemas())
    components["headers"] = HEADERS
    problems: Json = {
        code.value: {"summary": WHEN[code], "value": problem_examples.problem(code)} for code in ErrorCode
    }
    components["examples"] = problems | {
        name: {"value": examples.example(name)} for name in examples.EXAMPLES
    }
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "makima_session_<port>"},
    }
    made["security"] = [{"bearer": []}, {"session": []}]
    components["responses"] = responses = {"problem": _problem("Any other error; `code` names it.", [])}
    for operation in _operations(made):
        _complete(operation)
        for codes in _by_status(refusals(operation)):
            name = "-".join(codes)
            responses[name] = _problem("; ".join(_meaning(code) for code in codes) + ".", codes)
            _in(operation, "responses")[str(HTTP_STATUS[codes[0]])] = {
                "$ref": f"#/components/responses/{name}"
            }
        _in(operation, "responses")["default"] = {"$ref": "#/components/responses/problem"}
    return made


def refusals(operation: Json) -> frozenset[ErrorCode]:
    """Every error code of an operation: those that its parameters imply, and those in OPERATIONS."""
    named = _names(operation)
    codes = (
        ALWAYS
        | {code for name, code in NOT_THERE.items() if name in named}
        | OPERATIONS[str(operation["operationId"])].refusals
    )
    if IDEMPOTENCY_KEY in named:
        codes |= OF_WRITES | OF_BODIES
    return frozenset(codes)


def _operations(made: Json) -> Iterator[Json]:
    for methods in _in(made, "paths").values():
        yield from cast("dict[str, Json]", methods).values()


def _complete(operation: Json) -> None:
    """Add texts, examples and response headers to an operation, in place."""
    documented = OPERATIONS[str(operation["operationId"])]
    operation["summary"] = documented.summary
    operation["description"] = " ".join(
        text for text in (documented.description, str(operation.get("description", ""))) if text
    )
    for parameter in cast("list[Json]", operation.get("parameters", [])):
        if str(parameter["name"]) in PARAMETERS:
            parameter["description"] = PARAMETERS[str(parameter["name"])]
    for content in _contents(cast("Json", operation.get("requestBody", {}))):
        _illustrate(content)
    for status, response in _in(operation, "responses").items():
        if status not in {"default", "304"}:
            _answer(operation, cast("Json", response), documented)


def _answer(operation: Json, response: Json, documented: Operation) -> None:
    contents = _in(response, "content") if "content" in response else {}
    if stream.MEDIA_TYPE in contents:
        response["description"] = "Events as they happen, until the client or the server closes the stream."
        _in(contents, stream.MEDIA_TYPE)["example"] = examples.STREAM
        return
    response["description"] = (
        "The state after this request." if IDEMPOTENCY_KEY in _names(operation) else "The current state."
    )
    schemas = [name for content in _contents(response) for name in _illustrate(content)]
    headers = (
        [answers.READ_BEHIND] if answers.MIN_POSITION in _names(operation) or documented.positions else []
    )
    headers += [answers.POSITION] if IDEMPOTENCY_KEY in _names(operation) and documented.positions else []
    headers += ["ETag"] if VERSIONED.intersection(schemas) else []
    if headers:
        response["headers"] = {name: {"$ref": f"#/components/headers/{name}"} for name in headers}


def _illustrate(content: Json) -> list[str]:
    """Add to a body an example of each schema that it may have; return the schemas' names."""
    schema = _in(content, "schema")
    refs = [schema, *cast("list[Json]", schema.get("anyOf", []))]
    names = [str(each["$ref"]).rpartition("/")[2] for each in refs if "$ref" in each]
    content["examples"] = {name: {"$ref": f"#/components/examples/{name}"} for name in names}
    return names


def _by_status(codes: frozenset[ErrorCode]) -> Iterator[list[ErrorCode]]:
    """The error codes grouped by HTTP status, as OpenAPI allows one response per status."""
    for status in sorted({HTTP_STATUS[code] for code in codes}):
        yield [code for code in ErrorCode if code in codes and HTTP_STATUS[code] == status]


def _meaning(code: ErrorCode) -> str:
    members = f" ({', '.join(MEMBERS[code])})" if code in MEMBERS else ""
    return f"`{code}`: {WHEN[code]}{members}"


def _problem(description: str, codes: list[ErrorCode]) -> Json:
    content: Json = {"schema": {"$ref": "#/components/schemas/ProblemDetails"}}
    if codes:
        content["examples"] = {code.value: {"$ref": f"#/components/examples/{code.value}"} for code in codes}
    return {"description": description, "content": {PROBLEM: content}}


def _contents(holder: Json) -> list[Json]:
    return list(cast("dict[str, Json]", holder.get("content", {})).values())


def _names(operation: Json) -> frozenset[str]:
    return frozenset(
        str(parameter["name"]) for parameter in cast("list[Json]", operation.get("parameters", []))
    )


def _in(holder: Json, name: str) -> Json:
    return cast("Json", holder[name])
