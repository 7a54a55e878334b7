"""Decodes requests, commands and queries. What does not fit is refused with the places and what is wrong there."""

from collections.abc import Iterable
from dataclasses import replace
from itertools import islice
from typing import Any, Final, TypeVar, cast
from uuid import UUID, uuid5

import orjson
from makima_schemas.codec import adapter
from makima_schemas.commands import Problem, Request, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.refusal import Member, Refused
from pydantic import ValidationError

from makima_kernel.commands.members import UNKNOWN_MEMBER, unknown_member

C = TypeVar("C")

MAX_COMMAND_BYTES: Final = 512 * 1024
MAX_ERRORS: Final = 20
MAX_QUOTED_CHARACTERS: Final = 500  # characters of one text that quotes what was sent
_PRINCIPALS: Final = UUID("0f0c7c29-6c0e-5b1b-9d0a-6e7f6f1f5d52")  # of the command ids of daemons


def refuse_oversize(body: bytes) -> None:
    if len(body) > MAX_COMMAND_BYTES:
        raise Refused(
            ErrorCode.PAYLOAD_TOO_LARGE,
            f"a command may have at most {MAX_COMMAND_BYTES} bytes; this one has {len(body)}",
            limit=MAX_COMMAND_BYTES,
        )


def decode_object(body: bytes) -> dict[str, object]:
    try:
        question: object = orjson.loads(body or b"{}")
    except orjson.JSONDecodeError as error:
        raise Refused(ErrorCode.INVALID_REQUEST, f"the body is not JSON: {error}") from error
    if not isinstance(question, dict):
        raise Refused(ErrorCode.INVALID_REQUEST, "a query must be a JSON object")
    return cast("dict[str, object]", question)


def principals_own(request: Request, principal: str) -> Request:
    """A daemon's request: under its own name, in its tenant and with its own command id, whatever the body
    says.

    Command ids are unique per tenant. Without the derivation a daemon could use up those of other callers,
    which get `IDEMPOTENCY_KEY_REUSED` then, and ask for their answers. Raises `Refused` (INVALID_REQUEST) for
    a guard: its conflict tells the version of a stream that the daemon may not know.
    """
    if request.guarded_by:
        errors = _errors([("guard", "is for services only")])
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            "a daemon's command has no guard",
            hint="leave it out; expected_version asks for a version of the target",
            errors=errors,
        )
    command_id = uuid5(_PRINCIPALS, f"{principal}\n{request.command_id}")
    return replace(
        request, command_id=command_id, actor=f"daemon:{principal}", token_id=None, tenant=DEFAULT_TENANT
    )


def decode_request(body: bytes) -> Request:
    """Decodes a request. Raises `Refused` (INVALID_REQUEST) with the first places that do not fit.

    Unknown members are refused here as in commands: `expected_versoin` would drop the check without notice.
    """
    try:
        return adapter(Request).validate_json(body, extra="forbid")
    except ValidationError as error:
        raise invalid(error, Request) from error


def decode_each(command: type[C], items: Iterable[object]) -> list[Request[C] | Problem]:
    """Decodes the requests of a batch, each as if it had come alone: one that does not fit is a `Problem`
    (INVALID_REQUEST) in its place.
    """
    return [_decode_item(command, item) for item in items]


def _decode_item(command: type[C], item: object) -> Request[C] | Problem:
    try:
        request: Request = adapter(Request).validate_python(item, extra="forbid")
        return cast("Request[C]", replace(request, data=decode_command(command, request.data)))
    except ValidationError as error:
        return problem(invalid(error, Request))
    except Refused as refused:
        return problem(refused)


def decode_command(command: type[C], data: dict[str, object]) -> C:
    """Decodes a command from its members. Raises `Refused` (INVALID_REQUEST).

    Unknown members are refused at every depth, because a misspelt optional one would otherwise be ignored
    without notice.
    """
    try:
        return cast("C", adapter(cast("type[Any]", command)).validate_python(data, extra="forbid"))
    except ValidationError as error:
        raise invalid(error, command) from error


def invalid(error: ValidationError, schema: type) -> Refused:
    """The refusal of a body that does not fit `schema`, with the member `errors[{path, message}]`.

    A member that the schema does not know comes first, with the known one that is nearest.
    """
    found = error.errors(include_url=False, include_context=False, include_input=False)
    unknown = [item["loc"] for item in found if item["type"] in UNKNOWN_MEMBER]
    unfit = [(item["loc"], item["msg"]) for item in found if item["type"] not in UNKNOWN_MEMBER]
    meant = [(loc, unknown_member(schema, loc)) for loc in unknown[:MAX_ERRORS]]
    errors = _errors((".".join(str(part) for part in loc), message) for loc, message in (*meant, *unfit))
    if meant:
        loc, message = meant[0]
        detail = f"{schema.__name__}: {cut('.'.join(map(str, loc)))} {message}"
    else:
        detail = f"{error.error_count()} member(s) do not match the schema"
    return Refused(ErrorCode.INVALID_REQUEST, detail, errors=errors)


def _errors(found: Iterable[tuple[str, str]]) -> Member:
    """The first 20 errors: a body of 512 KiB can contain more of them than a reply may."""
    return [{"path": cut(path), "message": cut(message)} for path, message in islice(found, MAX_ERRORS)]


def cut(words: str) -> str:
    return words if len(words) <= MAX_QUOTED_CHARACTERS else f"{words[:MAX_QUOTED_CHARACTERS]}…"
