"""Heartbeats come in any order and from any number of processes; the log holds changes, not heartbeats."""

from itertools import cycle, islice

import msgspec
import pytest
from makima_schemas.evidence import Evidence
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorEvent, SupervisorState
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.event_budget import BURST, REFILL_SECONDS, RESERVED, EventBudget
from makima_supervisor_heartbeat.domain.sender_state import SUPERVISOR
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor
from makima_supervisor_heartbeat.domain.verdict import JudgeSilence

from tests.services.supervisor_heartbeat.harness import Running, daemon_beat, supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, message
from tests.services.supervisor_heartbeat.sender_cache_world import knowing

S = SupervisorState
SECOND = 1_000_000_000


class Recording:
    """A recorder's memory and a log that decides and is learnt at once."""

    def __init__(self) -> None:
        self.senders = knowing("c-t1")
        self.reader = BatchBuilder(self.senders, [range(8)])
        self.log: Supervisor = SUPERVISOR.initial
        self.events: list[SupervisorEvent] = []
        self.sequence = 0
        self.now_ns = MIDNIGHT_NS

    def hear(self, beat: SupervisorHeartbeat, daemon: str = "d1", *, after: float = 1.0) -> str:
        """Returns the end of the row that is stored: `t` if the heartbeat became the sender's newest."""
        self.sequence += 1
        self.now_ns += int(after * SECOND)
        arrived = msgspec.structs.replace(
            message(beat, self.sequence, f"makima.shards.3.supervisor.{daemon}.t1"), timestamp_ns=self.now_ns
        )
        [batch] = self.reader.read([arrived], "e1")
        for sender, observed in batch.observations:
            self.senders.observation_submitted(sender, observed)
            if sender.stream != "supervisor-t1":
                continue
            events = SUPERVISOR.decide(observed, self.log)  # pyright: ignore[reportArgumentType] - of a supervisor
            for event in events:
                self.log = SUPERVISOR.evolve(self.log, event)
                self.events.append(event)
                position = len(self.events)
                self.senders.apply_event("supervisor-t1", "t1", event, position, position)
            self.senders.observation_decided(sender, 0, len(self.events))
        return batch.rows[0][-2]


def test_a_late_heartbeat_does_not_override_a_newer_one_of_its_connection() -> None:
    world = Recording()
    assert world.hear(supervisor_beat("t1", S.IDLE, connection_id="a", seq=3)) == "t"
    assert world.hear(supervisor_beat("t1", S.WORKING, connection_id="a", seq=5)) == "t"
    assert world.hear(supervisor_beat("t1", S.IDLE, connection_id="a", seq=4)) == "f"
    assert world.hear(supervisor_beat("t1", S.IDLE, connection_id="a", seq=4)) == "f"
    assert world.log.state is S.WORKING
    world.hear(supervisor_beat("t1", S.IDLE, connection_id="a", seq=6))
    assert world.log.state is S.IDLE


def test_a_late_heartbeat_proves_life_with_the_newer_state() -> None:
    world = Recording()
    world.hear(supervisor_beat("t1", S.WORKING, connection_id="a", seq=5))
    at = moment(world.now_ns)
    evidence = Evidence(at, 1.0, at, at, 0.0, "test", world.sequence, "e1")
    [silent] = SUPERVISOR.decide(JudgeSilence("a", evidence, None), world.log)
    world.log = SUPERVISOR.evolve(world.log, silent)
    world.events.append(silent)
    world.senders.apply_event("supervisor-t1", "t1", silent, 2, 2)
    world.hear(supervisor_beat("t1", S.IDLE, connection_id="a", seq=4))
    assert world.log.state is S.WORKING


@pytest.mark.parametrize("connection", [None, "b"])
def test_who_counts_in_no_connection_or_in_a_new_one_is_ordered_by_arrival(connection: str | None) -> None:
    world = Recording()
    world.hear(supervisor_beat("t1", S.WORKING, connection_id="a" if connection else None, seq=5))
    assert world.hear(supervisor_beat("t1", S.IDLE, connection_id=connection, seq=1)) == "t"
    assert world.log.state is S.IDLE


@pytest.mark.parametrize(
    "senders",
    [
        [("d1", S.WORKING), ("d2", S.WORKING)],
        [("d1", S.IDLE), ("d1", S.WORKING)],
        [("d1", S.COMPLETED), ("d1", S.WORKING)],
    ],
    ids=["two daemons in turn", "two processes in turn", "one that ends and goes on"],
)
def test_whatever_senders_do_the_log_does_not_grow_at_the_rate_of_heartbeats(
    senders: list[tuple[str, SupervisorState]],
) -> None:
    world = Recording()
    for daemon, state in islice(cycle(senders), 600):
        world.hear(supervisor_beat("t1", state, connection_id=None), daemon, after=2.0)
    assert len(world.events) <= BURST + 1200 / REFILL_SECONDS + 1
    assert world.senders.take_withheld() + world.senders.contracts.foreign.take_count() > 200


def test_connections_in_turn_do_not_grow_the_log_either() -> None:
    world = Recording()
    for number in range(600):
        world.hear(supervisor_beat("t1", connection_id=f"k{number}"), after=0.1)
    assert len(world.events) <= BURST + 2


def test_the_end_of_a_supervisor_is_recorded_however_often_it_changed() -> None:
    world = Recording()
    for number in range(100):
        world.hear(supervisor_beat("t1", (S.WORKING, S.WAITING_FOR_TASKS)[number % 2]), after=0.1)
    world.hear(supervisor_beat("t1", S.COMPLETED), after=0.1)
    assert world.log.state is S.COMPLETED


def test_what_was_withheld_is_recorded_by_a_later_heartbeat_that_still_tells_it() -> None:
    world = Recording()
    for number in range(100):
        world.hear(supervisor_beat("t1", (S.WORKING, S.IDLE)[number % 2]), after=0.1)
    world.hear(supervisor_beat("t1", S.BLOCKED), after=0.1)
    assert world.log.state is not S.BLOCKED
    world.hear(supervisor_beat("t1", S.BLOCKED), after=REFILL_SECONDS)
    assert world.log.state is S.BLOCKED


def test_a_budget_refills_with_time_up_to_its_burst() -> None:
    budget = EventBudget()
    at = MIDNIGHT_NS
    assert [budget.spend(at, ends=False) for _ in range(BURST)].count(True) == BURST - RESERVED
    at += int(2.5 * REFILL_SECONDS) * SECOND
    assert [budget.spend(at, ends=False) for _ in range(5)] == [True, True, False, False, False]
    at += int(0.5 * REFILL_SECONDS) * SECOND
    assert [budget.spend(at, ends=False) for _ in range(2)] == [True, False], "what had begun counts"
    assert [budget.spend(at, ends=True) for _ in range(9)].count(True) == RESERVED
    at += 1000 * int(REFILL_SECONDS) * SECOND
    assert [budget.spend(at, ends=True) for _ in range(99)].count(True) == BURST


async def test_two_daemons_of_one_name_do_not_grow_the_log(fleet: Running) -> None:
    for number in range(60):
        await fleet.beat(daemon_beat("d1", hostname=("one", "other")[number % 2]))
    await fleet.recorded()
    assert len(await fleet.events("daemon-d1")) <= BURST + 1
