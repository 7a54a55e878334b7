"""One relays and the others stand by, until it goes or is frozen."""

import asyncio
import signal
import sys

import asyncpg
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.relay import relay as relay_module
from makima_kernel.relay.relay import Relay, Relaying, Standby
from makima_kernel.testing import eventually
from makima_local.signals import send_to_one, stopped
from nats.aio.client import Client

from tests.background import end, running
from tests.kernel.event_log.filling import fill
from tests.kernel.relay.relayed import ends_at, streamed


async def test_one_relays_and_the_others_stand_by_until_it_goes(
    stream: None, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_LEADER_RETRY_SECONDS", 0.05)
    first, second = Relay(pool, nats), Relay(pool, nats)
    async with running(first.run()) as [running_first]:
        await eventually(lambda: first.state == Relaying())
        async with running(second.run()):
            await eventually(lambda: second.state == Standby())
            await fill(pool, 10)
            await eventually(lambda: first.position == 10)
            assert second.state == Standby()
            assert second.ready() is None
            await end(running_first)
            await fill(pool, 10)
            await eventually(lambda: second.position == 20)


HOLDER = """
import asyncio, sys
import asyncpg, nats
from makima_kernel.relay.relay import Relay

async def main():
    async with asyncpg.create_pool(sys.argv[1], min_size=1, max_size=3) as pool:
        await Relay(pool, await nats.connect(sys.argv[2])).run()

asyncio.run(main())
"""


@pytest.mark.usefixtures("stream")
async def test_a_holder_that_is_frozen_is_stood_in_for_until_it_goes_on(
    pool: asyncpg.Pool, nats: Client, database: str, nats_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its database session lives, and so does its lock."""
    monkeypatch.setattr(relay_module, "_LEADER_RETRY_SECONDS", 0.1)
    monkeypatch.setattr(relay_module, "_DEPUTY_TERM_SECONDS", 2.0)
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", HOLDER, database, nats_url)
    try:
        await fill(pool, 10)
        await eventually(lambda: ends_at(nats, 10), 30)
        relay = Relay(pool, nats)
        async with running(relay.run()):
            await eventually(lambda: relay.state == Standby())
            send_to_one(process.pid, signal.SIGSTOP)
            await stopped([process.pid])
            await fill(pool, 10)
            await eventually(lambda: ends_at(nats, 20), 30)
            assert relay.state == Relaying()
            process.send_signal(signal.SIGCONT)
            await fill(pool, 10)
            await eventually(lambda: ends_at(nats, 30), 30)
            await eventually(
                lambda: relay.state == Standby(), 30, because="its term is over, and the holder goes on"
            )
    finally:
        process.kill()
        await process.wait()
    assert [(await streamed(nats, position))[1]["Nats-Msg-Id"] for position in range(1, 31)] == [
        str(event.event_id) for event in await Log(pool).after(0)
    ]
