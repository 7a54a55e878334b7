"""Stream and log are compared position by position, by the ids of the events."""

from time import monotonic

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.relay.publish_window import Window
from makima_kernel.relay.relay import Mismatched, Relay
from makima_kernel.relay.stream_comparison import first_difference
from makima_kernel.relay.stream_identity import last_sequence
from makima_kernel.testing import eventually
from makima_schemas.envelope import Recorded
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import fill


async def test_a_foreign_message_below_accepted_events_is_found_after_a_refused_publish(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    """It came while events were in flight: the broker refused the one of its position, and accepted the next."""
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await fill(pool, 3)
        await eventually(lambda: relay.position == 3)
    await nats.jetstream().publish("makima.events.contract.x.Forged", b"{}")
    await fill(pool, 2)
    await publish(nats, (await log.after(4))[0])
    for one in (relay, Relay(pool, nats)):  # also one that was started afterwards
        async with running(one.run()):
            await eventually(lambda one=one: isinstance(one.state, Mismatched))
        assert "position 4 is event None in the stream" in (one.ready() or "")
    assert await last_sequence(nats) == 5


async def test_the_whole_stream_is_compared_by_ids(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await fill(pool, 1200)
        await eventually(lambda: relay.position == 1200)
    assert await first_difference(nats, log, 0, 1200) is None
    await pool.execute("alter table event_log.events_p000000000000 disable trigger all")  # which refuses it
    await pool.execute("update event_log.events set event_id = gen_random_uuid() where position = 700")
    different = await first_difference(nats, log, 0, 1200)
    assert different is not None
    assert (different.position, different.in_stream is None) == (700, False)
    assert await first_difference(nats, log, 700, 1200) is None


async def publish(nats: Client, event: Recorded) -> None:
    """One event, as a relay publishes it."""
    window = Window(nats, size=1, on_published=lambda event: None, clock=monotonic)
    await window.open()
    await window.publish(event)
    await window.flush()
    await window.close()
