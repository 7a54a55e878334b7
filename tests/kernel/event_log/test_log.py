"""Reading the log, by stream and by position."""

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import asyncpg
import orjson
from makima_kernel.event_log.append import Duplicate, KeyReused
from makima_kernel.event_log.log import SQL, Log

from tests.kernel.event_log.append_builders import call, command, event


async def test_an_empty_log_is_at_nothing(pool: asyncpg.Pool) -> None:
    log = Log(pool)
    assert await log.head() == 0
    assert await log.after(0) == []
    assert await log.stream("default", "contract-a") == []
    assert await log.epoch() == await log.epoch()


async def test_the_log_is_read_in_pieces_that_fit(pool: asyncpg.Pool) -> None:
    log = Log(pool)
    for number in range(4):
        await call(pool, *(command(f"contract-{number}-{other}", event()) for other in range(5)))
    read: list[int] = []
    while piece := await log.after(read[-1] if read else 0, limit=7):
        read += [e.position for e in piece]
    assert read == list(range(1, await log.head() + 1))
    assert len(read) == 20


async def test_a_stream_is_its_tenants(pool: asyncpg.Pool) -> None:
    log = Log(pool)
    await call(
        pool, command("contract-a", event(), event(), event()), command("contract-a", event(), tenant="other")
    )
    assert [(e.version, e.position) for e in await log.stream("default", "contract-a")] == [
        (1, 1),
        (2, 2),
        (3, 3),
    ]
    assert [e.version for e in await log.stream("default", "contract-a", after=1)] == [2, 3]
    assert [e.version for e in await log.stream("default", "contract-a", after=1, limit=1)] == [2]
    assert [e.position for e in await log.stream("other", "contract-a")] == [4]


async def test_several_streams_are_read_as_one_from_either_end(pool: asyncpg.Pool) -> None:
    log = Log(pool)
    for number in range(6):
        await call(pool, command(f"contract-{'abc'[number % 3]}", event(), event()))
    await call(pool, command("contract-a", event(), tenant="other"))

    async def read(after: int, before: int, limit: int, *, newest_first: bool = False) -> list[int]:
        streams = ["contract-a", "contract-c", "contract-nobody"]
        return await log.positions_of("default", streams, after, before, limit, newest_first=newest_first)

    assert await read(0, 100, 9) == [1, 2, 5, 6, 7, 8, 11, 12]
    assert await read(2, 11, 3) == [5, 6, 7]
    assert await read(2, 12, 3, newest_first=True) == [11, 8, 7]
    assert await read(12, 100, 9) == await read(0, 1, 9, newest_first=True) == []
    assert [each.position for each in await log.at([11, 2, 99, 5])] == [2, 5, 11]


async def test_either_end_of_several_streams_costs_what_it_shows(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event()))
    await pool.execute(
        """insert into event_log.events
        select number + 1, tenant, 'contract-' || number % 10, 1 + number / 10, gen_random_uuid(), command_id, type, schema, data, meta,
          recorded_at
        from event_log.events, generate_series(10, 10000) as number"""
    )
    await pool.execute("analyze event_log.events")
    streams = [f"contract-{number}" for number in range(3)]
    for name in ("oldest_of", "newest_of"):
        explained = await pool.fetchval(
            f"explain (analyze, format json) {SQL[name]}", "default", streams, 0, 2**62, 50
        )
        plan = str(orjson.loads(explained))
        assert "Seq Scan" not in plan
        assert "'Sort Method': 'external" not in plan
        (whole,) = orjson.loads(explained)
        assert max(rows_read(whole["Plan"])) <= 50
    found = await Log(pool).positions_of("default", streams, 0, 2**62, 4, newest_first=True)
    assert found == [10001, 9993, 9992, 9991]


def rows_read(plan: dict[str, Any]) -> Iterator[float]:
    """Of the events' table, by each node in each of its repeats."""
    if str(plan.get("Relation Name", "")).startswith("events"):
        yield plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    for part in plan.get("Plans", []):
        yield from rows_read(part)


async def test_a_stream_is_read_across_partitions(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event()))
    await pool.execute(
        "insert into event_log.events select 10000000, tenant, stream, 2, event_id, command_id, type, schema, data, meta, recorded_at from event_log.events"
    )
    assert [(e.version, e.position) for e in await Log(pool).stream("default", "contract-a")] == [
        (1, 1),
        (2, 10_000_000),
    ]
    assert await Log(pool).head() == 10_000_000


async def test_the_first_answer_is_found_by_its_id(pool: asyncpg.Pool) -> None:
    log = Log(pool)
    asked, silent = (
        command("contract-a", event(), event(), request_hash=b"asked"),
        command("contract-b", request_hash=b"silent"),
    )
    await call(pool, asked, silent)
    assert await log.answered("default", asked.command_id, b"asked") == Duplicate(version=2, position=2)
    assert await log.answered("default", silent.command_id, b"silent") == Duplicate(
        version=0, position=2, changed=False
    )
    assert await log.answered("default", asked.command_id, b"another") == KeyReused()
    assert await log.answered("default", uuid4(), b"asked") is None
