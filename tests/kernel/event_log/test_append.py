"""One call of event_log.append: how commands are judged, numbered and answered."""

from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
import pytest
from makima_kernel.event_log.append import (
    Append,
    Appended,
    Conflict,
    Duplicate,
    GuardConflict,
    KeyReused,
    TooLarge,
    new_event,
)
from makima_kernel.event_log.log import Log
from makima_schemas.contract.events import MessageSent
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from tests.kernel.event_log.append_builders import META, call, command, event

EVENT_LIMIT = 262_144
COMMAND_LIMIT = 524_288


def text_of(size: int) -> bytes:
    """JSON of exactly `size` bytes."""
    return b'"' + b"x" * (size - 2) + b'"'


async def test_events_are_numbered_by_log_and_by_stream(pool: asyncpg.Pool) -> None:
    assert await call(pool, command("contract-a", event(), event()), command("contract-b", event())) == [
        Appended(version=2, first_position=1, position=2),
        Appended(version=1, first_position=3, position=3),
    ]
    assert await call(pool, command("contract-a", event(), expected=2)) == [
        Appended(version=3, first_position=4, position=4)
    ]
    assert [(e.position, e.stream, e.version) for e in await Log(pool).after(0)] == [
        (1, "contract-a", 1),
        (2, "contract-a", 2),
        (3, "contract-b", 1),
        (4, "contract-a", 3),
    ]


async def test_what_is_written_is_what_is_read(pool: asyncpg.Pool) -> None:
    written = event('{"b":1, "a": 1e300, "n": "ü\\u0041", "a": null}'.encode())
    append = command("contract-a", written)
    before = datetime.now(UTC)
    await call(pool, append)
    (read,) = await Log(pool).stream("default", "contract-a")
    assert (read.event_id, read.command_id, read.type, read.schema) == (
        written.event_id,
        append.command_id,
        "ContractPaused",
        1,
    )
    assert read.data == written.data
    assert read.meta == META
    assert before <= read.recorded_at <= datetime.now(UTC)


async def test_a_stale_expectation_is_a_conflict_and_stores_nothing(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event(), expected=0))
    refused = command("contract-a", event(), expected=0)
    assert await call(pool, refused, command("contract-b", event())) == [
        Conflict(actual=1),
        Appended(version=1, first_position=2, position=2),
    ]
    assert await call(pool, command("contract-a", event(), expected=1, command_id=refused.command_id)) == [
        Appended(version=2, first_position=3, position=3)
    ], "a refusal is not stored: its repeat is judged again"


async def test_a_repeated_id_gets_the_first_answer_whatever_came_since(pool: asyncpg.Pool) -> None:
    first = command("contract-a", event(), event(), expected=0)
    await call(pool, first)
    await call(pool, command("contract-a", event()))
    repeat = command("contract-a", event(), expected=99, command_id=first.command_id)
    assert await call(pool, repeat) == [Duplicate(version=2, position=2)]
    assert await Log(pool).head() == 3


async def test_an_id_used_by_another_request_is_refused(pool: asyncpg.Pool) -> None:
    first = command("contract-a", event())
    await call(pool, first)
    assert await call(
        pool, command("contract-a", event(), command_id=first.command_id, request_hash=b"another")
    ) == [KeyReused()]


async def test_an_id_belongs_to_its_tenant(pool: asyncpg.Pool) -> None:
    shared = uuid4()
    assert await call(
        pool,
        command("contract-a", event(), command_id=shared, tenant="one"),
        command("contract-a", event(), command_id=shared, tenant="two"),
    ) == [
        Appended(version=1, first_position=1, position=1),
        Appended(version=1, first_position=2, position=2),
    ]


async def test_a_command_without_events_is_stored_too(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event()))
    silent = command("contract-a", expected=1)
    nothing_new = Appended(version=1, first_position=2, position=1)
    assert await call(pool, silent) == [nothing_new]
    assert not nothing_new.changed
    await call(pool, command("contract-a", event()))
    assert await call(pool, silent) == [Duplicate(version=1, position=1, changed=False)]
    assert await pool.fetchval("select count(*) from event_log.streams") == 1


async def test_a_command_without_events_names_no_stream_into_being(pool: asyncpg.Pool) -> None:
    assert await call(pool, command("contract-a", expected=0)) == [
        Appended(version=0, first_position=1, position=0)
    ]
    assert await pool.fetchval("select count(*) from event_log.streams") == 0


async def test_a_guard_holds_only_at_its_version(pool: asyncpg.Pool) -> None:
    await call(pool, command("silence-owner", event()))
    assert await call(pool, command("agent-a", event(), guard=("silence-owner", 0))) == [
        GuardConflict(actual=1)
    ]
    assert await call(pool, command("agent-a", event(), guard=("silence-nobody", 3))) == [
        GuardConflict(actual=0)
    ]
    assert await call(
        pool,
        command("agent-a", event(), guard=("silence-owner", 1)),
        command("agent-b", event(), guard=("silence-owner", 1)),
    ) == [
        Appended(version=1, first_position=2, position=2),
        Appended(version=1, first_position=3, position=3),
    ]


@pytest.mark.parametrize(
    ("sizes", "answer"),
    [
        ((EVENT_LIMIT,), Appended(version=1, first_position=1, position=1)),
        ((EVENT_LIMIT + 1,), TooLarge(EVENT_LIMIT)),
        ((EVENT_LIMIT, EVENT_LIMIT), Appended(version=2, first_position=1, position=2)),
        ((EVENT_LIMIT, EVENT_LIMIT, 3), TooLarge(COMMAND_LIMIT)),
        ((10, EVENT_LIMIT + 1, 10), TooLarge(EVENT_LIMIT)),
    ],
)
async def test_sizes_are_limited_to_the_byte(
    pool: asyncpg.Pool, sizes: tuple[int, ...], answer: Appended | TooLarge
) -> None:
    outcomes = await call(
        pool, command("contract-a", *(event(text_of(size)) for size in sizes)), command("contract-b", event())
    )
    assert outcomes[0] == answer
    assert isinstance(outcomes[1], Appended), "a neighbour's size is not ours"


async def test_a_repeat_is_answered_before_it_is_weighed(pool: asyncpg.Pool) -> None:
    first = command("contract-a", event())
    await call(pool, first)
    assert await call(
        pool, command("contract-a", event(text_of(EVENT_LIMIT + 1)), command_id=first.command_id)
    ) == [Duplicate(version=1, position=1)]


async def test_recorded_times_never_go_back(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event()))
    (first,) = await Log(pool).after(0)
    # As if the machine's clock had been ahead when the last event was recorded.
    await pool.execute("alter table event_log.events disable trigger append_only")
    await pool.execute("update event_log.events set recorded_at = recorded_at + interval '1 hour'")
    await call(pool, command("contract-a", event()))
    ahead, after = await Log(pool).after(0)
    assert ahead.recorded_at > first.recorded_at
    assert after.recorded_at == ahead.recorded_at


async def test_a_nul_character_is_refused_at_the_door() -> None:
    with pytest.raises(Refused) as refused:
        new_event(MessageSent("m", "user", "a\0b"))
    assert refused.value.code is ErrorCode.INVALID_REQUEST
    assert new_event(MessageSent("m", "user", "a\\u0000b")).data.count(b"u0000") == 1, (
        "the six characters are only text"
    )


async def test_what_is_answered_is_on_disk_even_where_the_server_is_lazy(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute("set synchronous_commit = off")
        await call(connection, command("contract-a", event()))
        assert await connection.fetchval("show synchronous_commit") == "local"


@pytest.mark.parametrize("isolation", ["repeatable_read", "serializable"])
async def test_another_isolation_than_read_committed_is_refused(pool: asyncpg.Pool, isolation: str) -> None:
    async with pool.acquire() as connection:
        with pytest.raises(asyncpg.PostgresError, match="needs read committed"):
            async with connection.transaction(isolation=isolation):  # pyright: ignore[reportArgumentType] - a Literal, given by parametrize
                await call(connection, command("contract-a", event()))


async def test_an_append_is_alone_in_its_transaction(pool: asyncpg.Pool) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await call(connection, command("contract-a", event()))
        assert await connection.fetchval("show transaction_timeout") == "30s", (
            "the server ends who stops before the commit"
        )
        with pytest.raises(asyncpg.PostgresError, match="must be alone"):
            await call(connection, command("contract-b", event()))


@pytest.mark.parametrize(
    "batch",
    [
        (command("contract-a", event()), command("contract-a", event())),
        (
            command("contract-a", event(), command_id=(same := uuid4())),
            command("contract-b", event(), command_id=same),
        ),
        (command("contract-a", event()), command("contract-b", event(), guard=("contract-a", 0))),
        (command("contract-a", event(), guard=("contract-a", 0)),),
    ],
    ids=["one stream twice", "one id twice", "a guard that is written", "its own guard"],
)
async def test_commands_that_meet_do_not_go_into_one_call(
    pool: asyncpg.Pool, batch: tuple[Append, ...]
) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="meet"):
        await call(pool, *batch)
    assert await Log(pool).head() == 0


async def test_nothing_of_the_log_is_changed_or_removed(pool: asyncpg.Pool) -> None:
    await call(pool, command("contract-a", event()))
    (partition,) = [
        name for (name,) in await pool.fetch("select distinct tableoid::regclass::text from event_log.events")
    ]
    for table in ("event_log.events", partition):
        for change in (f"update {table} set type = 'Forged'", f"delete from {table}", f"truncate {table}"):
            with pytest.raises(asyncpg.RestrictViolationError, match="append-only"):
                await pool.execute(change)
    assert await Log(pool).head() == 1
