"""The streams: made by one step, verified by services, heartbeats spread over the shards."""

import asyncio
import os
import signal
import sys
from pathlib import Path

import asyncpg
import nats as nats_py
import pytest
from makima_kernel.event_log.log import Log
from makima_kernel.nats import streams
from makima_kernel.nats.stream_cursor import EPOCH_KEY
from makima_kernel.nats.stream_members import recreated, updated
from makima_kernel.testing import PATIENCE
from makima_local import ports
from makima_local.nats import binary
from makima_local.server import ServerProcess
from makima_schemas import subjects
from nats.aio.client import Client
from nats.js.api import DiscardPolicy, RetentionPolicy, StorageType, StoreCompression, SubjectTransform
from nats.js.errors import NoStreamResponseError

from tests.kernel.event_log.filling import fill
from tests.servers import BUDGET


async def test_a_fresh_broker_fails_the_check_and_passes_it_once_provisioned(
    nats: Client, pool: asyncpg.Pool
) -> None:
    with pytest.raises(streams.TopologyError, match="MAKIMA_EVENTS is missing"):
        await streams.verify(nats)
    await streams.provision(nats, Log(pool), budget=BUDGET)
    await streams.verify(nats)


@pytest.mark.parametrize(
    "subject",
    [
        subjects.supervisor_heartbeat("daemon-1", "task-1"),
        subjects.agent_heartbeat("daemon-1", "contract-1", "builder"),
        subjects.agent_heartbeat(None, "contract-1", "builder"),
        subjects.daemon_heartbeat("daemon-1"),
        "makima.heartbeats.x",
    ],
)
async def test_every_heartbeat_subject_lands_in_one_shard(
    nats: Client, pool: asyncpg.Pool, subject: str
) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    jetstream = nats.jetstream()
    first, second = await jetstream.publish(subject, b"1"), await jetstream.publish(subject, b"2")
    stored = [
        (await jetstream.get_msg(subjects.HEARTBEATS_STREAM, ack.seq)).subject or ""
        for ack in (first, second)
    ]
    makima, shards, shard, rest = stored[0].split(".", 3)
    assert (makima, shards) == ("makima", "shards")
    assert 0 <= int(shard) < streams.SHARDS
    assert subject == f"makima.heartbeats.{rest}"
    assert stored[1] == stored[0]


async def test_many_senders_spread_over_all_shards(nats: Client, pool: asyncpg.Pool) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    jetstream = nats.jetstream()
    for number in range(200):
        await jetstream.publish(subjects.daemon_heartbeat(f"d{number}"), b"1")
    info = await jetstream.stream_info(subjects.HEARTBEATS_STREAM, subjects_filter=">")
    shards = {subject.split(".")[2] for subject in info.state.subjects or {}}
    assert shards == {str(shard) for shard in range(streams.SHARDS)}


async def test_a_canary_goes_straight_into_its_shard_and_dies_by_its_own_clock(
    nats: Client, pool: asyncpg.Pool
) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    jetstream = nats.jetstream()
    ack = await jetstream.publish(streams.canary(5), b"", msg_ttl=300)
    stored = await jetstream.get_msg(subjects.HEARTBEATS_STREAM, ack.seq)
    assert stored.subject == "makima.shards.5.canary"
    assert (stored.headers or {}).get("Nats-TTL") == "300"


async def test_a_canary_of_no_shard_is_not_taken(nats: Client, pool: asyncpg.Pool) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    for subject in ("makima.shards.x.canary", f"makima.shards.{streams.SHARDS}.canary"):
        with pytest.raises(NoStreamResponseError):
            await nats.jetstream().publish(subject, b"")


async def test_provisioning_again_updates_what_differs_and_keeps_the_identity(
    nats: Client, pool: asyncpg.Pool
) -> None:
    log = Log(pool)
    await streams.provision(nats, log, budget=BUDGET)
    jetstream = nats.jetstream()
    before = await jetstream.stream_info(subjects.EVENTS_STREAM)
    await streams.provision(nats, log, budget=BUDGET * 2)
    after = await jetstream.stream_info(subjects.EVENTS_STREAM)
    assert after.config.max_bytes == 2 * (before.config.max_bytes or 0)
    assert (after.config.metadata or {})[EPOCH_KEY] == str(await log.epoch())
    heartbeats = await jetstream.stream_info(subjects.HEARTBEATS_STREAM)
    assert (heartbeats.config.metadata or {})[EPOCH_KEY]


async def test_provisioning_never_lowers_what_an_operator_has_raised(
    nats: Client, pool: asyncpg.Pool
) -> None:
    log = Log(pool)
    await streams.provision(nats, log, budget=BUDGET)
    jetstream = nats.jetstream()
    found = (await jetstream.stream_info(subjects.EVENTS_STREAM)).config
    raised = found.evolve(
        max_bytes=3 * (found.max_bytes or 0),
        max_age=0,  # for ever
        duplicate_window=600,
        compression=StoreCompression.S2,
        metadata={**(found.metadata or {}), "team": "platform"},
    )
    await jetstream.update_stream(raised)
    await streams.provision(nats, log, budget=BUDGET)
    after = (await jetstream.stream_info(subjects.EVENTS_STREAM)).config
    assert (after.max_bytes, after.max_age or 0, after.duplicate_window) == (raised.max_bytes, 0, 600)
    assert after.compression == StoreCompression.S2
    assert (after.metadata or {})["team"] == "platform"
    await streams.verify(nats)


async def test_provisioning_puts_right_what_correctness_needs_and_leaves_the_rest(
    nats: Client, pool: asyncpg.Pool
) -> None:
    log = Log(pool)
    await streams.provision(nats, log, budget=BUDGET)
    jetstream = nats.jetstream()
    found = (await jetstream.stream_info(subjects.HEARTBEATS_STREAM)).config
    harmful = found.evolve(
        no_ack=True, max_msgs_per_subject=1, max_age=60, duplicate_window=30, allow_rollup_hdrs=True
    )
    await jetstream.update_stream(harmful)
    problems = await streams.stream_problems(nats)
    assert {problem.split()[3] for problem in problems} == {
        "no_ack",
        "max_msgs_per_subject",
        "max_age",
        "allow_rollup_hdrs",
    }
    await streams.provision(nats, log, budget=BUDGET)
    assert await streams.stream_problems(nats) == []


async def test_more_replicas_than_the_broker_has_servers_are_refused_with_the_setting(
    nats: Client, pool: asyncpg.Pool
) -> None:
    with pytest.raises(streams.TopologyError, match=r"3 replica.*see the settings stream_replicas"):
        await streams.provision(nats, Log(pool), budget=BUDGET, replicas=3)


@pytest.mark.parametrize(
    ("wanted", "found", "kept"), [(1, 3, 3), (3, 1, 3), (3, 3, 3), (1, None, 1), (1, 0, 1)]
)
def test_a_stream_keeps_the_replicas_that_an_operator_gave_it(
    wanted: int, found: int | None, kept: int
) -> None:
    for config in streams.streams(BUDGET, wanted):
        assert updated(config, config.evolve(num_replicas=found)).num_replicas == kept
        assert recreated(config, config.evolve(num_replicas=found)).num_replicas == kept


async def test_a_stream_that_maps_its_subjects_otherwise_fails_the_check(
    nats: Client, pool: asyncpg.Pool
) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    jetstream = nats.jetstream()
    found = (await jetstream.stream_info(subjects.HEARTBEATS_STREAM)).config
    await jetstream.update_stream(
        found.evolve(subject_transform=SubjectTransform(src=subjects.HEARTBEATS, dest="elsewhere.>"))
    )
    with pytest.raises(streams.TopologyError, match="MAKIMA_HEARTBEATS has subject_transform"):
        await streams.verify(nats)


@pytest.mark.parametrize(
    ("member", "value", "found"),
    [
        ("max_age", 3600.0, "max_age 3600"),
        ("discard", DiscardPolicy.NEW, "discard 'new'"),
        ("max_bytes", -1, "no max_bytes"),
        ("storage", StorageType.MEMORY, "storage 'memory'"),
        ("retention", RetentionPolicy.INTEREST, "retention 'interest'"),
    ],
)
async def test_a_stream_that_keeps_otherwise_fails_the_check(
    nats: Client, pool: asyncpg.Pool, member: str, value: object, found: str
) -> None:
    await streams.provision(nats, Log(pool), budget=BUDGET)
    jetstream = nats.jetstream()
    kept = (await jetstream.stream_info(subjects.DEAD_LETTERS_STREAM)).config
    await jetstream.delete_stream(subjects.DEAD_LETTERS_STREAM)  # not all of it can be changed in place
    await jetstream.add_stream(kept.evolve(**{member: value}))
    with pytest.raises(streams.TopologyError, match=f"MAKIMA_DEAD_LETTERS has {found}"):
        await streams.verify(nats)


async def test_a_broker_with_a_small_max_payload_is_refused(tmp_path: Path) -> None:
    """As the default configuration has it."""
    port = ports.free()
    server = ServerProcess.start(
        [str(binary()), "-a", ports.LOOPBACK, "-p", str(port), "-js", "-sd", str(tmp_path)],
        log=tmp_path / "log",
        tied=signal.SIGKILL,
    )
    client = await nats_py.connect(f"nats://{ports.LOOPBACK}:{port}", reconnect_time_wait=1)
    with pytest.raises(streams.TopologyError, match="max_payload is 1048576 bytes"):
        await streams.verify(client)
    await client.close()
    await server.end()


async def test_a_new_stream_begins_where_the_log_is_young_enough(
    nats: Client, pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = Log(pool)
    assert await streams.first_position_to_stream(log) == 1
    await fill(pool, 100)
    assert await streams.first_position_to_stream(log) == 1
    monkeypatch.setattr(streams, "MAX_REFILLED_EVENTS", 40)
    assert await streams.first_position_to_stream(log) == 61
    [half] = await log.after(79, 1)
    after_a_week = half.recorded_at + streams.EVENTS_KEPT
    younger = [event for event in await log.after(0) if event.recorded_at >= half.recorded_at]
    assert await streams.first_position_to_stream(log, now=after_a_week) == max(61, younger[0].position)
    [last] = await log.after(99, 1)
    assert await streams.first_position_to_stream(log, now=last.recorded_at + 2 * streams.EVENTS_KEPT) == 101


async def test_the_provisioning_step_runs_from_the_command_line_and_runs_again(
    nats: Client, nats_url: str, database: str
) -> None:
    environment = {
        **os.environ,
        "MAKIMA_NATS_URL": nats_url,
        "MAKIMA_DATABASE_URL": database,
        "MAKIMA_STREAM_BUDGET": str(BUDGET),
    }
    for _ in range(2):
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "makima_kernel.service.provision", env=environment
        )
        assert await asyncio.wait_for(process.wait(), PATIENCE) == 0
        await streams.verify(nats)
