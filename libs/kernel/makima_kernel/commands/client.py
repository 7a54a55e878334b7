"""The client side of the bus: sends a command or a query to the service that owns it,
and returns the reply as data.
"""

from typing import Final

import orjson
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Problem, Reply, Request, decode_reply, encode_request
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.errors import Error as NatsError
from opentelemetry.trace import SpanKind

from makima_kernel.commands.decoding import MAX_COMMAND_BYTES
from makima_kernel.telemetry import traces

DEFAULT_TIMEOUT_SECONDS: Final = 5.0
TRY_AGAIN: Final = (
    "send it again with the same command id: the answer says whether the first attempt was applied"
)


class Bus:
    """Sends commands and queries by NATS request/reply.

    The caller chooses the command id: one per intent, the same for all its retries. `timeout` in seconds holds
    for each request that is not given its own; null is `DEFAULT_TIMEOUT_SECONDS`.
    """

    def __init__(self, nats: Client, *, timeout: float | None = None) -> None:
        self._nats = nats
        self._timeout = DEFAULT_TIMEOUT_SECONDS if timeout is None else timeout

    async def ask(
        self, service: str, name: str, request: Request[object], *, timeout: float | None = None
    ) -> Reply:
        """Sends a command; returns the reply of `service`.

        `UNAVAILABLE` if no reply came within `timeout` seconds; then the outcome is unknown.
        """
        reply = await self._request(service, name, encode_request(request), timeout)
        return (
            reply
            if isinstance(reply, Accepted | Problem)
            else Problem(ErrorCode.UNAVAILABLE, f"{service}.{name} did not return a command reply")
        )

    async def query(
        self,
        service: str,
        name: str,
        question: dict[str, object],
        *,
        timeout: float | None = None,
    ) -> dict[str, object] | Problem:
        """Sends a query; returns the members of its answer, or a `Problem` as `ask` does."""
        reply = await self._request(service, name, orjson.dumps(question), timeout)
        return (
            Problem(ErrorCode.UNAVAILABLE, f"{service}.{name} did not return a query reply")
            if isinstance(reply, Accepted)
            else reply
        )

    async def _request(
        self, service: str, name: str, payload: bytes, timeout: float | None
    ) -> Reply | dict[str, object]:
        if len(payload) > MAX_COMMAND_BYTES:
            return Problem(
                ErrorCode.PAYLOAD_TOO_LARGE,
                f"a request may have at most {MAX_COMMAND_BYTES} bytes; this one has {len(payload)}",
                members={"limit": MAX_COMMAND_BYTES},
            )
        with traces.span(f"ask {service}.{name}", kind=SpanKind.CLIENT):
            parent = traces.traceparent()
            try:
                message = await self._nats.request(
                    subjects.command(service, name),
                    payload,
                    timeout=self._timeout if timeout is None else timeout,
                    headers={traces.HEADER: parent} if parent else None,
                )
                return decode_reply(message.data)
            except (NatsError, TimeoutError) as error:
                return Problem(
                    ErrorCode.UNAVAILABLE,
                    f"{service} did not answer {name}: {type(error).__name__}",
                    TRY_AGAIN,
                )
            except ValueError as error:
                return Problem(ErrorCode.UNAVAILABLE, f"{service} sent an invalid reply to {name}: {error}")
