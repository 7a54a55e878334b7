"""A toggle served on the bus, with two queries, and requests to it."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import uuid4

import orjson
from makima_kernel.commands.router import Authorize, CommandRouter
from makima_kernel.nats.connection import broker, confirm_subscriptions
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from tests.kernel.commands.toggle_aggregate import SwitchOn


@dataclass(frozen=True)
class Count:
    of: int


@dataclass(frozen=True)
class Echo:
    call: str


@asynccontextmanager
async def serving(
    nats_url: str, seen: list[tuple[Request[SwitchOn], SwitchOn]], reach: Authorize | None = None
) -> AsyncGenerator[None]:
    router = CommandRouter("toggle", authorize=reach)

    async def switch_on(request: Request[SwitchOn], command: SwitchOn) -> Reply:
        seen.append((request, command))
        if command.hostname == "bug":
            raise RuntimeError("a bug")
        if command.hostname.startswith("quoted"):
            return Problem(
                ErrorCode.INVALID_TRANSITION,
                8 * command.hostname,
                members={"allowed": 8 * [command.hostname]},
            )
        return Accepted(len(seen), len(seen))

    async def count(question: Count) -> dict[str, object]:
        return {"seen": len(seen), "of": question.of}

    async def echo(question: Echo) -> dict[str, object]:
        return {"echoes": 8 * [question.call]}

    router.command(SwitchOn, switch_on, daemons=True)
    router.query(Echo, echo)
    router.query(Count, count)

    async def closed() -> None: ...

    served = broker(nats_url, "toggle", on_closed=closed)
    served.include_router(router.nats)
    await served.start()
    await confirm_subscriptions(await served.connect())
    try:
        yield
    finally:
        await served.stop()


def request(**data: object) -> Request:
    return Request(uuid4(), "l1", dict(data))


async def refusal(nats: Client, body: bytes) -> dict[str, object]:
    message = await nats.request("makima.commands.toggle.switch_on", body, timeout=20)
    return orjson.loads(message.data)["error"]
