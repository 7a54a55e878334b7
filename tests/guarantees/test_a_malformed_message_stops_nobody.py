"""Guarantee 6: what is malformed changes nothing, stops nobody, and can be found with its reason; only what a
newer build must know stops a reader.
"""

from collections.abc import AsyncGenerator

import asyncpg
import orjson
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.dead_letters import dead_letter
from makima_kernel.projections import projection
from makima_kernel.projections.projector import Projector
from makima_kernel.projections.rebuild import rebuild
from makima_kernel.relay.relay import Relay
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import CLASS_BY_NAME
from makima_schemas.contract.events import ContractPaused
from nats.aio.client import Client

from tests.background import running
from tests.kernel.event_log.filling import append, fill
from tests.kernel.projections.sample_projection import TABLES, SampleProjection, raw, rows
from tests.servers import BUDGET

DATA_THAT_FITS_NO_SCHEMA = [
    b"{}",
    b'{"reason":7,"paused_from":"active"}',
    b"[]",
    b"null",
    b'"text"',
    b'{"paused_from":"nowhere"}',
    b"7",
]


@pytest.fixture
async def projector(pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[Projector]:
    await pool.execute(TABLES)
    await streams.provision(nats, Log(pool), budget=BUDGET)
    projector = Projector(SampleProjection(), pool, Log(pool), nats, owner="me")
    async with running(Relay(pool, nats, budget=BUDGET).run(), projector.run()):
        yield projector


async def letters(nats: Client) -> list[dict[str, object]]:
    jetstream = nats.jetstream()
    last = (await jetstream.stream_info(subjects.DEAD_LETTERS_STREAM)).state.last_seq
    found = [await jetstream.get_msg(subjects.DEAD_LETTERS_STREAM, number) for number in range(1, last + 1)]
    assert {message.subject for message in found} <= {"makima.dead.MAKIMA_EVENTS.sample_projection"}
    return [orjson.loads(message.data or b"") for message in found]


async def test_event_data_that_fits_no_schema_is_set_aside_and_the_projection_goes_on(
    projector: Projector, pool: asyncpg.Pool, nats: Client
) -> None:
    malformed: list[int] = []
    for data in DATA_THAT_FITS_NO_SCHEMA:
        await fill(pool, 3)
        malformed.append(await append(pool, "contract-c1", raw("ContractPaused", 1, data)))
    last = await fill(pool, 3)
    assert await projector.wait_for(last, 120)
    await eventually(lambda: projector.ready() is None)
    assert [line[0] for line in (await rows(pool))[0]] == [
        position for position in range(1, last + 1) if position not in malformed
    ]
    found = await letters(nats)
    assert [letter["origin"] for letter in found] == [
        {"position": position, "stream": "contract-c1", "type": "ContractPaused", "schema": 1}
        for position in malformed
    ]
    assert [str(letter["payload"]).encode() for letter in found] == DATA_THAT_FITS_NO_SCHEMA
    assert all("ContractPaused schema 1: " in str(letter["reason"]) for letter in found)


async def test_a_rebuild_sets_nothing_aside_again(
    projector: Projector, pool: asyncpg.Pool, nats: Client
) -> None:
    await append(pool, "contract-c1", raw("ContractPaused", 1, b"{}"))
    last = await fill(pool, 3)
    assert await projector.wait_for(last, 120)
    before = await rows(pool)
    await rebuild(SampleProjection(), pool, Log(pool))
    assert await rows(pool) == before
    assert len(await letters(nats)) == 1


async def test_an_event_of_a_type_it_must_know_stops_a_projection_which_says_so_until_a_newer_build_knows_it(
    projector: Projector, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(pool, 3)
    await append(
        pool, "contract-c1", raw("ContractTeleported", 1, b'{"reason": null, "paused_from": "active"}')
    )
    await fill(pool, 3)
    stopped = "stopped before position 4: event ContractTeleported schema 1 is unknown to this version of makima; upgrade it"
    await eventually(lambda: projector.ready() == f"projection sample_projection: {stopped}")
    assert projector.position == 3
    assert [line[0] for line in (await rows(pool))[0]] == [1, 2, 3]
    # A newer build:
    monkeypatch.setattr(projection, "CLASS_BY_NAME", {**CLASS_BY_NAME, "ContractTeleported": ContractPaused})
    monkeypatch.setitem(CLASS_BY_NAME, "ContractTeleported", ContractPaused)  # pyright: ignore[reportArgumentType] - read-only for everybody else
    assert await projector.wait_for(7, 120)
    await eventually(lambda: projector.ready() is None)
    assert [line[0] for line in (await rows(pool))[0]] == [1, 2, 3, 4, 5, 6, 7]


@pytest.mark.parametrize("payload", [b"", b"\x00\xff not even text", b"{", b"{}", b'{"position": 1}'])
async def test_rubbish_in_the_stream_itself_changes_no_read_model(
    projector: Projector, pool: asyncpg.Pool, nats: Client, payload: bytes
) -> None:
    await eventually(lambda: projector.ready() is None)
    await nats.jetstream().publish("makima.events.contract.c1.ContractPaused", payload)
    await fill(pool, 5)
    assert await projector.wait_for(5, 120)
    assert [line[0] for line in (await rows(pool))[0]] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("size", [0, 1, 512 * 1024, 512 * 1024 + 1, 2 * 1024 * 1024, 8 * 1024 * 1024])
async def test_whatever_is_set_aside_never_cuts_the_connection(
    pool: asyncpg.Pool, nats: Client, size: int
) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    payload = b"\xff" * size  # not text: base64 makes it longer
    await dead_letter(
        nats,
        stream="MAKIMA_EVENTS",
        consumer="sample_projection",
        reason="x" * 100_000,
        origin={"position": 1},
        payload=payload,
    )
    [letter] = await letters(nats)
    assert letter["truncated"] == (size > 512 * 1024)
    assert len(str(letter["reason"])) == 4096
    assert nats.stats["reconnects"] == 0
