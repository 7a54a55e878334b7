"""Serves commands and queries by NATS request/reply; replies are data, refusals included.

A service listens on `makima.commands.<service>.<name>`, and for daemons on
`makima.commands.from.<principal>.<service>.<name>`. There the actor is taken from the subject, never from the
body: the broker lets a daemon publish only under its own name.
"""

import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import fields, is_dataclass, replace
from itertools import islice
from time import perf_counter
from typing import Any, Final, TypeVar, cast

import orjson
import structlog
from faststream import ExceptionMiddleware
from faststream.nats import NatsMessage, NatsRouter
from makima_schemas import subjects
from makima_schemas.codec import adapter
from makima_schemas.commands import Problem, Reply, Request, encode_reply, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.refusal import Member, Refused
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from makima_kernel.telemetry import metrics, traces

C = TypeVar("C")
HandleCommand = Callable[[Request, C], Awaitable[Reply]]
HandleQuery = Callable[[dict[str, object]], Awaitable[dict[str, object]]]
Handle = Callable[[bytes, str | None], Awaitable[Reply | dict[str, object]]]
Authorize = Callable[[str, Request], Awaitable[None]]

MAX_COMMAND_BYTES: Final = 512 * 1024
MAX_REPLY_BYTES: Final = 1024 * 1024  # at the broker's limit, headers included, a reply would end the connection for good
MAX_CORRELATION_ID: Final = 64  # FastStream sends the caller's back in a header, which the broker counts, too
MAX_ERRORS: Final = 20
MAX_QUOTED_CHARACTERS: Final = 500  # characters of one text that quotes what was sent
WORKERS_PER_SUBJECT: Final = 64  # per subject; handlers wait for the log, not for the processor
TRACE_HEADER: Final = traces.HEADER


class CommandRouter:
    """The commands and queries of one service. They use its queue group, so one replica answers each request.

    `authorize` is called for a daemon's commands,
    and raises `Refused` if the daemon may not command the target.
    """

    def __init__(self, service: str, *, authorize: Authorize | None = None) -> None:
        self.service = service
        self._authorize = authorize
        self.nats = NatsRouter(decoder=_undecoded, middlewares=(ExceptionMiddleware(publish_handlers={Exception: _unforeseen}),))

    def command(self, command: type[C], handler: HandleCommand[C], *, daemons: bool = False) -> None:
        """Serves a command class under its snake_case name.
        A body that does not fit it gets `INVALID_REQUEST`.

        `daemons`: daemons may send it too, to targets that `authorize` allows;
        otherwise they get `FORBIDDEN`.
        """
        name = snake_case(command.__name__)

        async def handle(body: bytes, principal: str | None) -> Reply:
            request = decode_request(body)
            if principal is not None:
                request = replace(request, actor=f"daemon:{principal}", tenant=DEFAULT_TENANT)  # whatever the body says
                if self._authorize is not None:
                    await self._authorize(principal, request)
            return await handler(request, decode_command(command, request.data))

        self._serve(name, handle, daemons=daemons)

    def query(self, name: str, handler: HandleQuery) -> None:
        """Serves a query: a JSON object in, a JSON object out.

        Daemons get `FORBIDDEN`: they query over HTTP, where the gateway checks what they may see.
        """

        async def handle(body: bytes, _principal: str | None) -> dict[str, object]:
            question: object = orjson.loads(body or b"{}")
            if not isinstance(question, dict):
                raise Refused(ErrorCode.INVALID_REQUEST, "a query is a JSON object")
            return await handler(cast("dict[str, object]", question))

        self._serve(name, handle, daemons=False)

    def _serve(self, name: str, handle: Handle, *, daemons: bool) -> None:
        label = f"{self.service}.{name}"

        async def answer(message: NatsMessage) -> bytes:
            started = perf_counter()
            principal = message.path.get("principal")
            with traces.span(label, parent=message.headers.get(TRACE_HEADER), kind=SpanKind.SERVER):
                may = principal is None or daemons
                reply, encoded = _bounded_reply(await _answer(handle, message.body, principal) if may else _not_for_daemons(label))
            outcome = reply.code.value if isinstance(reply, Problem) else "ok"
            metrics.command_seconds.labels(label, outcome).observe(perf_counter() - started)
            message.correlation_id = message.correlation_id[:MAX_CORRELATION_ID]
            return encoded

        for subject in (subjects.command(self.service, name), subjects.daemon_command("{principal}", self.service, name)):
            self.nats.subscriber(subject, queue=self.service, max_workers=WORKERS_PER_SUBJECT)(answer)


def _not_for_daemons(label: str) -> Problem:
    return Problem(ErrorCode.FORBIDDEN, f"{label} is not for daemons", "what a daemon may do stands in docs/generated/nats-access.md")


async def _answer(handle: Handle, body: bytes, principal: str | None) -> Reply | dict[str, object]:
    try:
        _refuse_oversize(body)
        return await handle(body, principal)
    except Refused as refused:
        return problem(refused)
    except orjson.JSONDecodeError as error:
        return Problem(ErrorCode.INVALID_REQUEST, f"the body is not JSON: {error}")


def _bounded_reply(reply: Reply | dict[str, object]) -> tuple[Reply | dict[str, object], bytes]:
    """The reply and its bytes. A reply that is too large is replaced by a problem that says so."""
    encoded = encode_reply(reply)
    if len(encoded) <= MAX_REPLY_BYTES:
        return reply, encoded
    if isinstance(reply, Problem):
        short = Problem(reply.code, _cut(reply.detail), reply.hint and _cut(reply.hint))
    else:
        detail = f"an answer is at most {MAX_REPLY_BYTES} bytes, this one has {len(encoded)}"
        short = Problem(ErrorCode.PAYLOAD_TOO_LARGE, detail, "ask for less at once", {"limit": MAX_REPLY_BYTES})
    return short, encode_reply(short)


def _refuse_oversize(body: bytes) -> None:
    if len(body) > MAX_COMMAND_BYTES:
        raise Refused(
            ErrorCode.PAYLOAD_TOO_LARGE,
            f"a command is at most {MAX_COMMAND_BYTES} bytes, this one has {len(body)}",
            limit=MAX_COMMAND_BYTES,
        )


async def _undecoded(message: NatsMessage) -> NatsMessage:
    """Leaves decoding to the handler, which must answer a body that does not fit.

    FastStream would raise instead.
    """
    return message


async def _unforeseen(error: Exception) -> bytes:
    """Replies `UNAVAILABLE` if a handler raises;
    without a reply the caller would wait until its timeout (field-notes 6).
    """
    await structlog.get_logger().aerror("command.failed", exc_info=error)
    return encode_reply(
        Problem(ErrorCode.UNAVAILABLE, f"the command could not be handled: {type(error).__name__}", "try again with the same command id")
    )


def decode_request(body: bytes) -> Request:
    """Decodes a request. Raises `Refused` (INVALID_REQUEST) with the first places that do not fit."""
    try:
        return adapter(Request).validate_json(body)
    except ValidationError as error:
        raise invalid(error) from error


def decode_command(command: type[C], data: dict[str, object]) -> C:
    """Decodes a command from its members. Raises `Refused` (INVALID_REQUEST).

    Unknown members are refused, because a misspelt optional one would otherwise be ignored without notice.
    """
    assert is_dataclass(command)
    known = {field.name for field in fields(command)}
    unknown = sorted(data.keys() - known)
    if unknown:
        message = f"is not a member of {command.__name__}; members are {', '.join(sorted(known)) or 'none'}"
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"{command.__name__} has no member {_cut(unknown[0])}",
            errors=_errors((name, message) for name in unknown),
        )
    try:
        return cast("C", adapter(cast("type[Any]", command)).validate_python(data))
    except ValidationError as error:
        raise invalid(error) from error


def invalid(error: ValidationError) -> Refused:
    """The refusal of a body that does not fit its schema, with the member `errors[{path, message}]`."""
    found = error.errors(include_url=False, include_context=False, include_input=False)
    errors = _errors((".".join(str(part) for part in item["loc"]), item["msg"]) for item in found)
    return Refused(ErrorCode.INVALID_REQUEST, f"{error.error_count()} member(s) do not fit the schema", errors=errors)


def _errors(found: Iterable[tuple[str, str]]) -> Member:
    """The first 20 errors: a body of 512 KiB can contain more of them than a reply may."""
    return [{"path": _cut(path), "message": _cut(message)} for path, message in islice(found, MAX_ERRORS)]


def _cut(words: str) -> str:
    return words if len(words) <= MAX_QUOTED_CHARACTERS else f"{words[:MAX_QUOTED_CHARACTERS]}…"


def snake_case(name: str) -> str:
    """`PauseContract` → `pause_contract`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
