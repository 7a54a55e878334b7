"""Serves commands and queries by NATS request/reply: each is a typed subscriber of its own, and replies are
data, refusals included.

A service listens on `makima.commands.<service>.<name>`, and for daemons on
`makima.commands.from.<principal>.<service>.<name>`. There the actor is taken from the subject, never from the
body: the broker lets a daemon publish only under its own name. Its command ids are derived with that name, so
that they meet nobody else's, and a guard is refused: it would tell the version of any stream. A daemon's
command is handled only if its reply subject lies in that daemon's inbox: the broker checks subjects, but no
reply subjects, so that a service would publish its answer wherever a daemon points.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from time import perf_counter
from typing import Annotated, Any, Final, TypeVar, cast, get_type_hints

import structlog
from faststream import BaseMiddleware
from faststream.nats import NatsMessage, NatsResponse, NatsRouter
from makima_schemas import subjects
from makima_schemas.commands import Problem, Reply, Request, encode_reply, problem
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from opentelemetry.trace import SpanKind
from pydantic import Field, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

from makima_kernel.commands.daemon_replies import reply_stays_in_inbox
from makima_kernel.commands.decoding import (
    cut,
    decode_command,
    decode_object,
    decode_request,
    principals_own,
    refuse_oversize,
)
from makima_kernel.telemetry import metrics, traces

C = TypeVar("C")
Q = TypeVar("Q")
A = TypeVar("A", bound=Mapping[str, object])
HandleCommand = Callable[[Request[C], C], Awaitable[Reply]]
HandleQuery = Callable[[Q], Awaitable[A]]
Answer = Reply | Mapping[str, object]
Decode = Callable[[NatsMessage], Awaitable[object]]
Authorize = Callable[[str, Request], Awaitable[None]]

MAX_REPLY_BYTES: Final = (
    1024 * 1024
)  # at the broker's limit, headers included, a reply would end the connection for good
MAX_CORRELATION_ID: Final = 64  # FastStream sends the caller's back in a header, which the broker counts, too
WORKERS_PER_SUBJECT: Final = 64  # per subject; handlers wait for the log, not for the processor
TRACE_HEADER: Final = traces.HEADER


class CommandRouter:
    """The commands and queries of one service. They use its queue group, so one replica answers each request.

    `authorize` is called for a daemon's commands, and raises `Refused` if the daemon may not command the
    target.
    """

    def __init__(self, service: str, *, authorize: Authorize | None = None) -> None:
        self.service = service
        self._authorize = authorize
        self.nats = NatsRouter(middlewares=(_Answering,))

    def command(self, command: type[C], handler: HandleCommand[C], *, daemons: bool = False) -> None:
        """Serves a command class under its snake_case name. A body that does not fit it gets
        `INVALID_REQUEST`.

        `daemons`: daemons may send it too, to targets that `authorize` allows; otherwise they get
        `FORBIDDEN`.
        """

        async def decode(message: NatsMessage) -> Request[C]:
            request = decode_request(message.body)
            principal = message.path.get("principal")
            if principal is not None:
                request = principals_own(request, principal)
                if self._authorize is not None:
                    await self._authorize(principal, request)
            return cast("Request[C]", replace(request, data=decode_command(command, request.data)))

        async def answer(request: Request[C]) -> Reply:
            return await handler(request, request.data)

        annotation = Annotated[Request[command], Field(title=f"{command.__name__}Request"), _Inline()]
        answer.__annotations__ = {"request": annotation, "return": Reply}
        self._subscribe(command, answer, decode, daemons=daemons)

    def query(self, question: type[Q], handler: HandleQuery[Q, A]) -> None:
        """Serves a question class under its snake_case name: a JSON object in, a JSON object out.

        Daemons get `FORBIDDEN`: they query over HTTP, where the gateway checks what they may see.
        """

        async def decode(message: NatsMessage) -> Q:
            return decode_command(question, decode_object(message.body))

        async def answer(question: Q) -> A:
            return await handler(question)

        annotation = Annotated[question, Field(title=question.__name__), _Inline()]
        answer.__annotations__ = {"question": annotation, "return": get_type_hints(handler)["return"]}
        self._subscribe(question, answer, decode, daemons=False)

    def _subscribe(
        self,
        message_type: type[object],
        answer: Callable[[Any], Awaitable[Answer]],
        decode: Decode,
        *,
        daemons: bool,
    ) -> None:
        name = snake_case(message_type.__name__)
        label = f"{self.service}.{name}"
        answer.__name__ = name

        async def checked(message: NatsMessage) -> object:
            if "principal" in message.path and not daemons:
                raise Refused(
                    ErrorCode.FORBIDDEN,
                    f"{label} is not available to daemons",
                    hint="docs/generated/nats-access.md lists what a daemon may send",
                )
            refuse_oversize(message.body)
            return await decode(message)

        for subject, title, shown in (
            (subjects.command(self.service, name), f"commands-{label}", True),
            (subjects.daemon_command("{principal}", self.service, name), f"daemon-commands-{label}", daemons),
        ):
            subscriber = self.nats.subscriber(
                subject,
                queue=self.service,
                max_workers=WORKERS_PER_SUBJECT,
                title=title,
                description=message_type.__doc__,
                include_in_schema=shown,
            )
            subscriber(answer, decoder=checked)


class _Answering(BaseMiddleware[Any, Any]):
    """Wraps the decoder and the handler of one message in a span and a metric, and always sends a reply."""

    async def consume_scope(self, call_next: Callable[[Any], Awaitable[Answer]], msg: Any) -> NatsResponse:
        started = perf_counter()
        message = cast("NatsMessage", msg)
        label = ".".join(message.raw_message.subject.rsplit(".", 2)[1:])
        if not await reply_stays_in_inbox(message, label):
            return NatsResponse(b"")
        with traces.span(label, parent=message.headers.get(TRACE_HEADER), kind=SpanKind.SERVER):
            reply, encoded = _bounded_reply(await _answered(call_next, message))
        outcome = reply.code.value if isinstance(reply, Problem) else "ok"
        metrics.command_seconds.labels(label, outcome).observe(perf_counter() - started)
        return NatsResponse(encoded, correlation_id=message.correlation_id[:MAX_CORRELATION_ID])


class _Inline:
    """Writes the schema of a payload in place. If it is a reference, FastStream 0.7.8 documents the first
    definition instead.
    """

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return handler.resolve_ref_schema(handler(schema))


async def _answered(call_next: Callable[[NatsMessage], Awaitable[Answer]], message: NatsMessage) -> Answer:
    """The handler's answer, or the problem of what it raised: without a reply the caller would wait until its
    timeout (field-notes 6).
    """
    try:
        return await call_next(message)
    except Refused as refused:
        return problem(refused)
    except Exception as error:  # noqa: BLE001 - whoever asked waits; the log has the traceback
        await structlog.get_logger().aerror("command.failed", exc_info=error)
        return Problem(
            ErrorCode.UNAVAILABLE,
            f"the command could not be handled: {type(error).__name__}",
            "try again with the same command id",
        )


def _bounded_reply(reply: Answer) -> tuple[Answer, bytes]:
    """The reply and its bytes. A reply that is too large is replaced by a problem that says so."""
    encoded = encode_reply(reply)
    if len(encoded) <= MAX_REPLY_BYTES:
        return reply, encoded
    if isinstance(reply, Problem):
        short = Problem(reply.code, cut(reply.detail), reply.hint and cut(reply.hint))
    else:
        detail = f"a reply may have at most {MAX_REPLY_BYTES} bytes; this one has {len(encoded)}"
        short = Problem(
            ErrorCode.PAYLOAD_TOO_LARGE, detail, "request fewer items at once", {"limit": MAX_REPLY_BYTES}
        )
    return short, encode_reply(short)


def snake_case(name: str) -> str:
    """`PauseContract` → `pause_contract`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()
