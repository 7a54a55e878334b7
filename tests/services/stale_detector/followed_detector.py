"""A detector that follows a real log, and hears canaries of a simulated stream."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import asyncpg
from makima_kernel.event_log.log import Log
from makima_stale_detector.domain.members.heartbeat import HeartbeatSource
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.domain.verdicts.verdict import Verdict
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.queries import Queries
from nats.aio.client import Client

from tests.background import end
from tests.contracts_in_the_log import OWNER

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
        """Time passes, somebody may speak all the while, and whatever the owner is told of somebody does not
        convince it.
        """
        given: list[Verdict] = []
        for _ in range(span // STEP):
            self.pass_by(STEP)
            if says is not None:
                self._detector.on_heartbeat(
                    self._detector.shards[0], says, self._sequence, START + self._sequence * STEP
                )
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
        await end(task)


async def contract(pool: asyncpg.Pool, contract_id: str = "c1", status: str = "created") -> None:
    """A contract of `OWNER`, as the read model has it."""
    await pool.execute(
        "insert into stale_detector.contracts (tenant, contract_id, status, version, last_activity_at, counts_from, counts_position, owner_id, live_supervisors) values ('default', $1, $2, 1, now(), now(), 1, $3, '{}') on conflict do nothing",
        contract_id,
        status,
        OWNER,
    )


async def alive(pool: asyncpg.Pool, names: Sequence[str]) -> None:
    """Supervisors of the contract c1, each on a daemon of its own."""
    await contract(pool)
    await pool.executemany(
        "insert into stale_detector.senders (name, alive, alive_position, contract_id, daemon_id, superseded) values ($1, true, 1, 'c1', replace($1, 'supervisor:', 'd-'), '{}')",
        [(f"supervisor:{name}",) for name in names],
    )
