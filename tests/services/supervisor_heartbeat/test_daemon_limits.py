"""What a daemon invents does not fill the log, and costs those nothing that are known."""

import asyncpg
import msgspec
import orjson
from makima_kernel.nats.message import Message
from makima_kernel.service.http_settings import QuotaSettings
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.batching.write_batch import WriteBatch
from makima_supervisor_heartbeat.domain.daemon_limits import (
    EPISODE_SECONDS,
    MAX_DEAD_LETTERS_PER_EPISODE,
    REFILL_SECONDS,
    Limits,
)
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.supervisor_heartbeat.harness import running, supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, address, message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing

WORKING = SupervisorState.WORKING


class Recorder:
    """A recorder's memory with limits, for the contract c1."""

    def __init__(self, **limits: float) -> None:
        self.senders = knowing("c1", limits=msgspec.convert(limits, Limits))
        self.reader = BatchBuilder(self.senders, [range(8)])
        self.sequence = 0

    def hear(self, *tasks: str, daemon: str = "d1", at: float = 0.0, connection: str = "a") -> WriteBatch:
        """A heartbeat of each, `at` seconds after midnight."""
        arrived = list[Message]()
        for task in tasks:
            self.sequence += 1
            beat = supervisor_beat(task, WORKING, contract_id="c1", connection_id=connection)
            one = message(beat, self.sequence, f"makima.shards.3.supervisor.{daemon}.{task}")
            arrived.append(msgspec.structs.replace(one, timestamp_ns=MIDNIGHT_NS + int(at * 1e9)))
        [batch] = self.reader.read(arrived, "e1")
        return batch

    def alive(self, task: str, state: SupervisorState = WORKING, connection: str = "a") -> None:
        """The log has it."""
        known = Supervisor("c1", "d1", connection, state, "plan")
        self.senders.restore(f"supervisor-{task}", known)


def tasks(count: int, prefix: str = "t") -> list[str]:
    return [f"{prefix}{number}" for number in range(count)]


def test_thirty_thousand_invented_senders_do_not_become_thirty_thousand_events() -> None:
    world = Recorder(senders=50, new_connections=10_000)
    batch = world.hear(*tasks(3_000))
    assert len(batch.observations) == 50 + 1, "and their daemon"
    assert len(batch.rows) == 50
    assert len(batch.over_limit) == MAX_DEAD_LETTERS_PER_EPISODE
    assert "senders_per_daemon" in batch.over_limit[0][1]
    limits = world.senders.limits
    assert limits.take_refused() == {"senders": 2_950}
    assert list(limits.take_begun()) == ["d1"]
    assert list(limits.take_over()) == ["d1"]
    assert len(world.senders) == 50 + 1, "nor do they fill the memory"
    batch = world.hear(*tasks(3_000), at=EPISODE_SECONDS / 2)
    assert (len(batch.rows), batch.over_limit, limits.take_begun()) == (50, [], {}), "the same episode"
    world.hear("late", at=3 * EPISODE_SECONDS)
    assert list(limits.take_begun()) == ["d1"]
    assert world.hear("t9999", daemon="d2").rows, "another daemon has limits of its own"


def test_a_sender_that_is_known_is_never_refused() -> None:
    world = Recorder(senders=1, new_connections=100)
    world.alive("old")
    world.hear("new")
    assert not world.hear("newer").rows
    assert len(world.hear("old", "new").rows) == 2
    assert world.hear("new", daemon="d2").rows, "also one that moved to a daemon"
    world.reader.forget()
    assert len(world.hear("old", "new").rows) == 2


def test_who_has_left_makes_room() -> None:
    world = Recorder(senders=3, new_connections=100, left_after_seconds=60.0)
    world.hear("silent")
    world.hear("moved", "ended", at=30.0)
    assert not world.hear("new", at=31.0).rows
    world.hear("moved", daemon="d2", at=50.0)
    world.alive("ended", SupervisorState.COMPLETED)
    assert len(world.hear("new", "newer", at=59.0).rows) == 2
    assert not world.hear("newest", at=59.5).rows
    assert world.hear("newest", at=75.0).rows


def test_new_connections_have_a_budget_of_their_own() -> None:
    world = Recorder(senders=1_000, new_connections=10)
    batch = world.hear(*tasks(20))
    assert len(batch.rows) == 10
    assert "new_connections_per_daemon" in batch.over_limit[0][1]
    world.alive("t0")
    assert not world.hear("t0", connection="b").observations, "it is recorded when the budget is refilled"
    assert world.senders.take_withheld() == 1
    [(_, observed)] = world.hear("t0", connection="b", at=REFILL_SECONDS / 10 + 1).observations
    assert observed.heard.stream_sequence == world.sequence
    world.alive("t1", SupervisorState.INTERRUPTED)
    assert world.hear("t1", connection="b").observations, "who returns from silence waits for nothing"


def test_daemons_and_senders_without_one_have_no_limit() -> None:
    world = Recorder(senders=1, new_connections=1)
    for number in range(5):
        for subject in (f"makima.shards.3.daemon.d{number}", f"makima.shards.3.agent._.c1.r{number}"):
            assert world.senders.refuses(address(subject), MIDNIGHT_NS) is None


async def test_the_log_stays_short_and_people_are_told(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    few = settings.model_copy(update={"quotas": QuotaSettings(senders_per_daemon=5)})
    states: list[dict[str, object]] = []

    async def follow(told: Msg) -> None:
        states.append(orjson.loads(told.data))

    async with running(few, pool, nats) as fleet:
        await nats.subscribe(subjects.state("daemon", "d1"), cb=follow)
        for task in tasks(40):
            await fleet.beat(supervisor_beat(task, contract_id="c1"))
        await fleet.recorded()
        registered = [each for each in tasks(40) if await fleet.events(f"supervisor-{each}")]
        assert len(registered) <= 5
        await fleet.until("supervisor-t0", 1)
        letters = await fleet.letters()
        assert len(letters) == 35
        assert "senders_per_daemon" in str(letters[0]["reason"])
        await eventually(lambda: "over_limit" in states[-1] if states else False)
        await fleet.beat(supervisor_beat("t0", SupervisorState.BLOCKED, contract_id="c1"))
        [first, _] = await fleet.until("supervisor-t0", 2)
        assert isinstance(first, SupervisorRegistered)
