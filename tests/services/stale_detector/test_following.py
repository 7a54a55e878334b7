"""What the detector remembers of a log when that log is another one, or was not followed for a while."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from makima_kernel.bus.topology import provision
from makima_kernel.log.identity import new_epoch
from makima_kernel.log.read import Log
from makima_kernel.testing import eventually
from nats.aio.client import Client

from services.stale_detector.domain.clock import MILLISECOND, SECOND, Timeouts
from services.stale_detector.domain.detector import Detector
from services.stale_detector.domain.verdict import Verdict
from services.stale_detector.handlers.following import Follower
from services.stale_detector.queries import Queries

TIMEOUTS = Timeouts(timeout=6 * SECOND, interval=2 * SECOND, grace=SECOND)
START = 1_700_000_000 * SECOND
STEP = 50 * MILLISECOND


class Stream:
    """Canaries on each shard, and nobody who speaks."""

    def __init__(self, detector: Detector) -> None:
        self._detector, self._sequence = detector, 0
        for shard in detector.shards:
            detector.begin(shard, "e1", 1)

    def flow(self, span: int) -> list[Verdict]:
        """Time passes, and whatever the owner is told of somebody does not convince it."""
        given: list[Verdict] = []
        for _ in range(span // STEP):
            self._sequence += 1
            for shard in self._detector.shards:
                shard.consumed(self._sequence, START + self._sequence * STEP)
            found = self._detector.tick().verdicts
            for verdict in found:
                self._detector.answered(verdict)
            given += found
        return given


@asynccontextmanager
async def following(detector: Detector, pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[Follower]:
    follower = Follower(detector, Queries(pool), Log(pool), nats)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        await follower.loaded.wait()
        yield follower
        task.cancel()


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


async def test_who_came_alive_while_the_log_was_not_followed_is_judged_though_never_heard(pool: asyncpg.Pool, nats: Client) -> None:
    await provision(nats, Log(pool), budget=0.01)
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        assert stream.flow(SECOND) == []
        await alive(pool, ["t1"])
        await new_epoch(pool, nats, budget=0.01)
        await eventually(lambda: stream.flow(7 * SECOND))
