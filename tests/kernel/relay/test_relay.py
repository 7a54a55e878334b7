"""The relay publishes the log position by position, one relay at a time, and finds its way back."""

import asyncio
from time import monotonic

import asyncpg
import msgspec
import orjson
import pytest
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.connection import connect
from makima_kernel.relay import relay as relay_module
from makima_kernel.relay.publish_window import MisplacedError, Window
from makima_kernel.relay.relay import Mismatched, Relay, Relaying
from makima_kernel.relay.stream_identity import Match, Mismatch, compare_stream, last_sequence, new_epoch
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.envelope import EventMeta, Recorded, from_cloudevent
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import append, fill, some_event
from tests.kernel.relay.relayed import streamed
from tests.servers import BUDGET, MakeNats, closed


async def test_each_event_is_published_as_a_cloudevent_under_its_position(
    relay: Relay, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    await fill(pool, 1200)
    await eventually(lambda: relay.position == 1200)
    for event in (await log.after(0, 1))[0], (await log.after(1199, 1))[0]:
        subject, headers, body = await streamed(nats, event.position)
        assert subject == f"makima.events.contract.{event.entity_id}.{event.type}"
        assert headers["Nats-Msg-Id"] == str(event.event_id)
        assert from_cloudevent(body) == event
        assert orjson.loads(body)["type"] == f"makima.contract.{event.type}.v1"
    assert await last_sequence(nats) == 1200
    assert relay.state == Relaying()
    assert relay.ready() is None
    assert relay.lag == 0


async def test_a_poke_wakes_it_before_the_poll(
    stream: None, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_LOG_POLL_SECONDS", 3600.0)
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await eventually(lambda: relay.state == Relaying())
        await fill(pool, 3)
        await nats.publish(subjects.LOG_POKE)
        await eventually(lambda: relay.position == 3)


async def test_without_a_poke_it_looks_for_itself(relay: Relay, pool: asyncpg.Pool) -> None:
    await eventually(lambda: relay.state == Relaying())
    await fill(pool, 3)
    await eventually(lambda: relay.position == 3)


async def test_whoever_asked_hears_of_each_published_event_in_order(
    stream: None, pool: asyncpg.Pool, nats: Client
) -> None:
    heard: list[Recorded] = []
    async with running(Relay(pool, nats, on_published=heard.append).run()):
        await append(
            pool, "contract-a", new_event(some_event(0)), meta=EventMeta(actor="me", traceparent="00-1-2-01")
        )
        await fill(pool, 50)
        await eventually(lambda: len(heard) == 51)
    assert [event.position for event in heard] == list(range(1, 52))
    assert heard[0].meta.get("traceparent") == "00-1-2-01"


async def test_an_event_that_no_relay_published_is_found_and_told(
    stream: None, pool: asyncpg.Pool, nats: Client
) -> None:
    await nats.jetstream().publish("makima.events.contract.x.Forged", b"{}")
    await fill(pool, 3)
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await eventually(lambda: isinstance(relay.state, Mismatched))
    assert "position 1 is event None in the stream" in (relay.ready() or "")
    assert await last_sequence(nats) == 1


async def test_a_stream_whose_messages_have_all_aged_out_is_told_by_when_its_last_one_came(
    relay: Relay, pool: asyncpg.Pool, nats: Client
) -> None:
    """What was recorded after it cannot be what it was: a restored log, which has grown past the stream's end
    again.
    """
    await fill(pool, 3)
    await eventually(lambda: relay.position == 3)
    jetstream = nats.jetstream()
    config = (await jetstream.stream_info(subjects.EVENTS_STREAM)).config
    await jetstream.update_stream(config.evolve(max_age=0.2, duplicate_window=0.1))

    async def empty() -> bool:
        return (await jetstream.stream_info(subjects.EVENTS_STREAM)).state.messages == 0

    await eventually(empty, 30)
    assert await compare_stream(nats, Log(pool)) == Match(3)
    await pool.execute("alter table event_log.events_p000000000000 disable trigger all")  # which refuses it
    await pool.execute(
        "update event_log.events set recorded_at = recorded_at + interval '1 hour' where position = 3"
    )
    verdict = await compare_stream(nats, Log(pool))
    assert isinstance(verdict, Mismatch)
    assert "position 3 was recorded" in verdict.reason


async def test_an_event_that_the_broker_has_stored_elsewhere_is_an_error(
    stream: None, pool: asyncpg.Pool, log: Log, nats: Client
) -> None:
    await fill(pool, 2)
    [_, second] = await log.after(0)
    await nats.jetstream().publish(
        "makima.events.contract.x.Early", b"{}", headers={"Nats-Msg-Id": str(second.event_id)}
    )
    window = Window(nats, size=10, on_published=lambda event: None, clock=monotonic)
    await window.open()
    await window.publish(second)
    with pytest.raises(MisplacedError, match="position 2 was stored as sequence 1"):
        await window.flush()


class Twisted(Log):
    """Until it is `mended`, its second event bears the id of the first: the broker says it has that one
    already, at sequence 1.
    """

    mended = False

    async def after(self, position: int, limit: int = 1000) -> list[Recorded]:
        events = await super().after(position, limit)
        [first] = await super().after(0, 1)
        return [
            msgspec.structs.replace(event, event_id=first.event_id)
            if event.position == 2 and not self.mended
            else event
            for event in events
        ]


async def test_a_misplaced_event_is_fatal_for_this_stream(
    stream: None, pool: asyncpg.Pool, nats: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay_module, "_LEADER_RETRY_SECONDS", 0.02)
    await fill(pool, 3)
    log = Twisted(pool)
    relay = Relay(pool, nats, log=log)
    async with running(relay.run()):
        await eventually(lambda: isinstance(relay.state, Mismatched))
        assert "position 2 was stored as sequence 1" in (relay.ready() or "")
        log.mended = True
        await new_epoch(pool, nats, budget=BUDGET)
        await eventually(lambda: relay.position == 3)


async def test_it_waits_for_a_broker_that_is_away_and_goes_on(
    pool: asyncpg.Pool, log: Log, make_nats: MakeNats
) -> None:
    server = await make_nats()
    nats = await connect(server.url, "relay", on_closed=closed)
    await streams.provision(nats, log, budget=BUDGET)
    relay = Relay(pool, nats)
    async with running(relay.run()):
        await fill(pool, 100)
        await eventually(lambda: relay.position == 100)
        await server.stop()
        await fill(pool, 100)
        await eventually(lambda: relay.ready() is not None)
        await server.start()
        await eventually(lambda: relay.position == 200)
        assert await last_sequence(nats) == 200
        await eventually(lambda: relay.ready() is None)
    await nats.close()


async def test_it_goes_on_when_postgres_cuts_its_connections(
    relay: Relay, pool: asyncpg.Pool, database: str
) -> None:
    await eventually(lambda: relay.state == Relaying())
    admin = await asyncpg.connect(database)
    await admin.execute(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname = current_database()"
    )
    await admin.close()
    await asyncio.wait_for(fill_again(pool), PATIENCE)
    await eventually(lambda: relay.position == 10)


class CutLog(Log):
    cut = False

    async def after(self, position: int, limit: int = 1000) -> list[Recorded]:
        if self.cut:
            raise asyncpg.InternalClientError(
                "cannot switch to state 11; another operation (2) is in progress"
            )
        return await super().after(position, limit)


async def test_a_connection_cut_between_two_states_of_its_client_is_no_end(
    stream: None, pool: asyncpg.Pool, nats: Client
) -> None:
    log = CutLog(pool)
    relay = Relay(pool, nats, log=log)
    async with running(relay.run()):
        await eventually(lambda: relay.state == Relaying())
        log.cut = True
        await eventually(lambda: "InternalClientError" in (relay.ready() or ""))
        log.cut = False
        await fill(pool, 3)
        await eventually(lambda: relay.position == 3)
        await eventually(lambda: relay.ready() is None)


async def fill_again(pool: asyncpg.Pool) -> None:
    while True:
        try:
            await fill(pool, 10)
        except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            continue
        return


async def test_a_role_without_privileges_learns_where_the_log_is(pool: asyncpg.Pool) -> None:
    """A service's role need not be a superuser for a restore to be found."""
    async with pool.acquire() as connection:
        here = await connection.fetchval("select event_log.place()")
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "create role test_ordinary; grant usage on schema event_log to test_ordinary; set local role test_ordinary"
        )
        assert await connection.fetchval("select event_log.place()") == here
        await transaction.rollback()
    assert here.startswith("system ")
