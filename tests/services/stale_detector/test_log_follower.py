"""What the detector remembers of a log when that log is another one, or was not followed for a while."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import asyncpg
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.testing import eventually
from makima_schemas.codec import Event
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector.domain.members.heartbeat import HeartbeatSource
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.verdict import Verdict
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.queries import Queries
from nats.aio.client import Client

from tests.kernel.event_log.append_builders import call, command
from tests.services.stale_detector.test_sender import changed

TIMEOUTS = Timeouts(timeout=6 * SECOND, interval=2 * SECOND, grace=SECOND)
START = 1_700_000_000 * SECOND
STEP = 50 * MILLISECOND


class Stream:
    """Canaries on each shard, and nobody who speaks."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._sequence = detector, 0
        for shard in detector.shards:
            detector.begin(shard, "e1", 1)

    def flow(self, span: int, *, says: HeartbeatSource | None = None) -> list[Verdict]:
        """Time passes, somebody may speak all the while, and whatever the owner is told of somebody does not convince it."""
        given: list[Verdict] = []
        for _ in range(span // STEP):
            self.pass_by(STEP)
            if says is not None:
                self._detector.on_heartbeat(self._detector.shards[0], says, self._sequence, START + self._sequence * STEP)
            found = self._detector.tick().verdicts
            for verdict in found:
                self._detector.resolve(verdict)
            given += found
        return given

    def pass_by(self, span: int) -> None:
        """Time passes, and nobody looks."""
        for _ in range(span // STEP):
            self._sequence += 1
            for shard in self._detector.shards:
                shard.consumed(self._sequence, START + self._sequence * STEP)


@asynccontextmanager
async def following(detector: Detector, pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[LogFollower]:
    follower = LogFollower(detector, Queries(pool), Log(pool), nats)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        await follower.loaded.wait()
        yield follower
        task.cancel()


async def record(pool: asyncpg.Pool, stream: str, event: Event) -> None:
    await call(pool, command(stream, new_event(event)))


async def alive(pool: asyncpg.Pool, names: Sequence[str]) -> None:
    await pool.executemany(
        "insert into stale_detector.senders (name, alive, alive_position, contract_id, daemon_id, superseded) values ($1, true, 1, 'c1', 'd1', '{}')",
        [(f"supervisor:{name}",) for name in names],
    )


async def test_a_hold_that_another_log_does_not_know_guards_no_verdict(pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await alive(pool, ["t1"])
    await pool.execute("insert into stale_detector.holds values ('', 5, false, false)")
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        (verdict,) = stream.flow(7 * SECOND)
        assert verdict.hold_version == 5
        await pool.execute("delete from stale_detector.holds")
        await new_epoch(pool, nats, budget=0.01)

        def unguarded() -> bool:
            return [verdict.hold_version for verdict in stream.flow(7 * SECOND)] == [0]

        await eventually(unguarded)


async def test_a_connection_that_was_replaced_after_a_restart_keeps_nobody_alive(pool: asyncpg.Pool, nats: Client) -> None:
    """It fell silent under A and returns under B: what A still says is a zombie's word, also for a detector that never heard of A's death."""
    await provision(nats, Log(pool), budget=0.01)
    await pool.execute("insert into stale_detector.senders values ('supervisor:t1', false, 1, 'c1', 'd1', 'A', '{}')")
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        stream.flow(SECOND)
        await record(pool, "supervisor-t1", changed(SupervisorState.WORKING, "B"))
        await eventually(lambda: "supervisor:t1" in detector.tracked)
        (verdict,) = stream.flow(7 * SECOND, says=("supervisor:t1", "c1", "A"))
        assert verdict.connection_id == "B"


async def test_who_came_alive_while_the_log_was_not_followed_is_judged_though_never_heard(pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=0.01)
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        assert stream.flow(SECOND) == []
        await alive(pool, ["t1"])
        await new_epoch(pool, nats, budget=0.01)
        await eventually(lambda: stream.flow(7 * SECOND))


class Watched(LogFollower):
    """Notes each change of what it complains of."""

    said: list[str | None]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "problem":
            self.__dict__.setdefault("said", []).append(value)


async def test_a_detector_that_stopped_at_an_event_of_the_future_goes_on_saying_so(pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=0.01)
    event = new_event(changed(SupervisorState.WORKING, "B"))
    await call(pool, command("supervisor-t1", replace(event, schema=99)))
    follower = Watched(Detector(TIMEOUTS, "r1"), Queries(pool), Log(pool), nats)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        await eventually(lambda: len([each for each in follower.said if each and "schema" in each]) >= 3)
        task.cancel()
    stopped = next(number for number, each in enumerate(follower.said) if each and "schema" in each)
    assert None not in follower.said[stopped:]
