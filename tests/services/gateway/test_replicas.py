"""Who answers how the installation is: also whoever takes longer than a round listens."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import orjson
from makima_gateway.system.replicas import SETTLE_SECONDS, Replicas
from makima_kernel.testing import eventually
from makima_schemas import subjects
from nats.aio.client import Client
from nats.aio.msg import Msg

LATE_SECONDS = 2 * SETTLE_SECONDS  # so long a busy machine's checks take


@asynccontextmanager
async def answering(nats: Client, service: str, delay: float = 0.0) -> AsyncGenerator[None]:
    """A replica of this service, whose checks take so many seconds."""
    members: dict[str, object] = {
        "service": service, "replica": f"{service}-1", "pid": 1, "host": "h", "since": "2026-01-01T00:00:00Z",
        "version": "1", "ready": True, "failing": {}, "shared": {}, "warnings": {}, "figures": {},
    }  # fmt: skip

    async def answer(question: Msg) -> None:
        await asyncio.sleep(delay)
        await question.respond(orjson.dumps(members))

    subscription = await nats.subscribe(subjects.STATUS, cb=answer)
    await nats.flush()
    yield
    await subscription.unsubscribe()


async def seen(replicas: Replicas) -> set[str]:
    return {one.answer.service for one in await replicas.now() if one.ready}


async def test_the_first_round_waits_for_every_service_that_is_installed(nats: Client) -> None:
    async with answering(nats, "slow", LATE_SECONDS), answering(nats, "quick"):
        assert await seen(Replicas(nats, {"slow", "quick"})) == {"slow", "quick"}


async def test_an_answer_that_came_too_late_is_waited_for_in_the_next_round(nats: Client) -> None:
    async with answering(nats, "slow", LATE_SECONDS), answering(nats, "quick"):
        replicas = Replicas(nats)

        async def both() -> bool:
            return await seen(replicas) == {"slow", "quick"}

        await eventually(both)


async def test_one_that_stopped_answering_is_shown_with_its_silence(nats: Client) -> None:
    replicas = Replicas(nats)
    async with answering(nats, "quick"):
        await eventually(lambda: seen(replicas))
    (one,) = await replicas.now()
    assert (one.ready, one.silent_seconds > 0) == (False, True)
    assert "did not answer for" in one.failing["answer"]
