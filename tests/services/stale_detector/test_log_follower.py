"""What the detector remembers of a log when that log is another one, or was not followed for a while."""

import asyncio
from dataclasses import replace

import asyncpg
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import provision
from makima_kernel.relay.stream_identity import new_epoch
from makima_kernel.testing import eventually
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractDeleted
from makima_schemas.supervisor import SupervisorState
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.log_follower import LogFollower
from makima_stale_detector.queries import Queries
from nats.aio.client import Client

from tests.background import end
from tests.contracts_in_the_log import CREATED, OWNER
from tests.kernel.event_log.append_builders import call, command
from tests.services.stale_detector import agent_events as agents
from tests.services.stale_detector.followed_detector import TIMEOUTS, Stream, alive, contract, following
from tests.services.stale_detector.sender_events import changed, registered


async def record(pool: asyncpg.Pool, stream: str, event: Event) -> None:
    await call(pool, command(stream, new_event(event)))


async def test_a_hold_that_another_log_does_not_know_guards_no_verdict(
    pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await alive(pool, ["t1"])
    await pool.execute("insert into stale_detector.holds values ('ada', 5, false, false)")
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


async def test_a_connection_that_was_replaced_after_a_restart_keeps_nobody_alive(
    pool: asyncpg.Pool, nats: Client
) -> None:
    """It fell silent under A and returns under B: what A still says is a zombie's word, also for a detector
    that never heard of A's death.
    """
    await provision(nats, Log(pool), budget=0.01)
    await pool.execute(
        "insert into stale_detector.senders values ('supervisor:t1', false, 1, 'c1', 'd1', 'A', '{}')"
    )
    await contract(pool)
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        stream.flow(SECOND)
        await record(pool, "supervisor-t1", changed(SupervisorState.WORKING, "B"))
        await eventually(lambda: "supervisor:t1" in detector.tracked)
        (verdict,) = stream.flow(7 * SECOND, says=("supervisor:t1", "c1", "A", 0))
        assert verdict.connection_id == "B"


async def test_who_came_alive_while_the_log_was_not_followed_is_judged_though_never_heard(
    pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        assert stream.flow(SECOND) == []
        await alive(pool, ["t1"])
        await new_epoch(pool, nats, budget=0.01)
        await eventually(lambda: stream.flow(7 * SECOND))


async def test_a_supervisor_of_no_contract_is_not_tracked(pool: asyncpg.Pool, nats: Client) -> None:
    """Not before its contract is created, and not after it is deleted; an archived one's is, with its owner."""
    await provision(nats, Log(pool), budget=0.01)
    await alive(pool, ["t1"])
    await pool.execute("update stale_detector.contracts set status = 'archived'")
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        assert {name: each.owner for name, each in detector.tracked.items()} == {"supervisor:t1": OWNER}
        await record(pool, "supervisor-t2", registered("c2", "x"))
        await record(pool, "supervisor-t3", registered("c1", "x"))
        await eventually(lambda: "supervisor:t3" in detector.tracked)
        assert "supervisor:t2" not in detector.tracked
        await record(pool, "contract-c2", CREATED)
        await eventually(lambda: "supervisor:t2" in detector.tracked)
        assert detector.tracked["supervisor:t2"].owner == OWNER
        await record(pool, "contract-c1", ContractDeleted())
        await eventually(lambda: detector.tracked.keys() == {"supervisor:t2"})
        await record(pool, "supervisor-t3", changed(SupervisorState.IDLE, "y"))
        await record(pool, "supervisor-t2", changed(SupervisorState.COMPLETED, "x"))
        await eventually(lambda: not detector.tracked)


async def test_an_agent_is_tracked_or_has_a_restart_deadline_while_its_contract_exists(
    pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    detector = Detector(TIMEOUTS, "r1")
    async with following(detector, pool, nats):
        await record(pool, agents.STREAM, agents.joined())
        await record(pool, "agent-c2:builder", agents.joined(contract="c2"))
        await record(pool, "contract-c2", CREATED)
        await eventually(lambda: "agent:c2:builder" in detector.tracked)
        assert agents.NAME not in detector.tracked
        await record(pool, "contract-c1", CREATED)
        await eventually(lambda: agents.NAME in detector.tracked)
        await record(pool, agents.STREAM, agents.RESTARTING)
        await eventually(lambda: agents.NAME in detector.restarts.names)
        assert agents.NAME not in detector.tracked
        await record(pool, agents.STREAM, agents.joined("y"))
        await eventually(lambda: agents.NAME in detector.tracked)
        assert not detector.restarts.names
        await record(pool, agents.STREAM, agents.RESTARTING)
        await eventually(lambda: agents.NAME in detector.restarts.names)
        await record(pool, "contract-c1", ContractDeleted())
        await eventually(lambda: not detector.restarts.names)
        assert detector.tracked.keys() == {"agent:c2:builder"}


async def test_a_detector_that_starts_gives_whoever_is_restarted_a_full_deadline(
    pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    await contract(pool)
    await pool.execute(
        "insert into stale_detector.senders values ($1, false, 1, 'c1', 'd1', 'x', '{}', 'restarting', 7, now() - interval '1 day')",
        agents.NAME,
    )
    detector = Detector(replace(TIMEOUTS, restart_timeout=3 * SECOND), "r1")
    async with following(detector, pool, nats):
        stream = Stream(detector)
        assert stream.flow(2900 * MILLISECOND) == []
        [expired] = stream.flow(200 * MILLISECOND)
        assert (expired.sender.name, expired.restarting_since) == (agents.NAME, 7)
        await pool.execute("delete from stale_detector.senders")
        await new_epoch(pool, nats, budget=0.01)
        await eventually(lambda: not detector.restarts.names)


class Watched(LogFollower):
    """Notes each change of what it complains of."""

    said: list[str | None]

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "problem":
            self.__dict__.setdefault("said", []).append(value)


async def test_a_detector_that_stopped_at_an_event_of_the_future_goes_on_saying_so(
    pool: asyncpg.Pool, nats: Client
) -> None:
    await provision(nats, Log(pool), budget=0.01)
    event = new_event(changed(SupervisorState.WORKING, "B"))
    await call(pool, command("supervisor-t1", replace(event, schema=99)))
    follower = Watched(Detector(TIMEOUTS, "r1"), Queries(pool), Log(pool), nats)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(follower.run())
        await eventually(lambda: len([each for each in follower.said if each and "schema" in each]) >= 3)
        await end(task)
    stopped = next(number for number, each in enumerate(follower.said) if each and "schema" in each)
    assert None not in follower.said[stopped:]
