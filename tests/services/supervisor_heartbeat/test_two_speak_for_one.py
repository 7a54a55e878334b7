"""Two that speak for one sender: the newest heartbeat holds also after a restart, the log stays short, the other
one is told that it is not in force, and people are told that there are two.
"""

import asyncpg
import orjson
import pytest
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import (
    RestorationProved,
    RestorationRequested,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat.domain.broker_time import moment
from makima_supervisor_heartbeat.domain.foreign_heartbeats import ForeignHeartbeats
from makima_supervisor_heartbeat.domain.heartbeats import read
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.signals import TOLD_EVERY_SECONDS, Signals
from makima_supervisor_heartbeat.handlers.state_publisher import encode_state
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.supervisor_heartbeat.harness import Running, running, supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, address, message
from tests.services.supervisor_heartbeat.sender_cache_world import IDLE, WORKING, World

BLOCKED = SupervisorState.BLOCKED


async def test_a_late_heartbeat_changes_nothing_after_a_restart_either(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats) as fleet:
        await fleet.beat(supervisor_beat("t1", WORKING, connection_id="a", seq=5))
        await fleet.beat(supervisor_beat("t2", WORKING, connection_id="a", seq=5))
        await fleet.until("supervisor-t2", 1)
        await fleet.recorded()
    # A version of before records on, and knows no order: what it wrote must not outlive its own heartbeat.
    await pool.execute(
        "update supervisor_heartbeat.latest set sequence = sequence + 1, connection_id = 'b' where sender = 'supervisor-t2'"
    )
    async with running(settings, pool, nats) as fleet:
        await fleet.beat(supervisor_beat("t1", IDLE, connection_id="a", seq=4))
        await fleet.beat(supervisor_beat("t1", BLOCKED, connection_id="a", seq=6))
        registered, changed = await fleet.until("supervisor-t1", 2)
        assert isinstance(registered, SupervisorRegistered)
        assert isinstance(changed, SupervisorStateChanged)
        assert (changed.old_state, changed.new_state) == (WORKING, BLOCKED)
        assert (await fleet.rows())[-2]["state"] == IDLE, "the history has the late one"
        await fleet.beat(supervisor_beat("t2", IDLE, connection_id="b", seq=1))
        (*_, event) = await fleet.until("supervisor-t2", 2)
        assert isinstance(event, SupervisorStateChanged)


async def test_two_daemons_in_turn_are_told_apart(fleet: Running) -> None:
    """60 heartbeats without connection ids were 60 events."""
    heard: list[object] = []
    states: list[dict[str, object]] = []

    async def hear(message: Msg) -> None:
        heard.append((message.subject, orjson.loads(message.data)))

    async def follow(message: Msg) -> None:
        states.append(orjson.loads(message.data))

    await fleet.nats.subscribe("makima.signals.daemon.>", cb=hear)
    await fleet.nats.subscribe(subjects.state("supervisor", "t1"), cb=follow)
    await fleet.beat(supervisor_beat("t1", connection_id=None))
    await fleet.until("supervisor-t1", 1)
    for number in range(30):
        for daemon_id in ("d2", "d1"):
            await fleet.beat(supervisor_beat("t1", connection_id=None, progress=number), daemon_id)
    await fleet.recorded()
    assert len(await fleet.events("supervisor-t1")) == 1
    latest = await fleet.latest("supervisor-t1")
    assert latest is not None
    assert latest["daemon_id"] == "d1"
    told = {"contract_id": "c-t1", "role": "supervisor", "task_id": "t1", "connection_id": None}
    await eventually(lambda: heard == [(subjects.daemon_signal("d2", "superseded"), told)])

    def rival() -> bool:
        newest = states[-1].get("rival") if states else None
        return isinstance(newest, dict) and {"other": "d2", "count": 30}.items() <= newest.items()

    await eventually(rival)


def test_who_goes_on_is_told_again_and_who_was_replaced_is_told_too() -> None:
    signals = Signals()
    foreign = ForeignHeartbeats(signals)
    where = address("makima.shards.3.supervisor.d2.t1")
    first = read(where, message(supervisor_beat("t1"), 1))
    soon = read(where, message(supervisor_beat("t1"), 2))
    later = read(where, message(supervisor_beat("t1"), 2 + int(TOLD_EVERY_SECONDS * 1000)))
    for beat, count in ((first, 1), (soon, 0), (later, 1)):
        foreign.note(beat, "d2", None)
        assert len(signals.take()) == count
    assert foreign.take_count() == 3
    world = World()
    world.settle()
    event = world.hear(WORKING, "b")
    world.decide(*event[0])
    assert not world.hear(WORKING, "a")
    [told] = world.senders.signals.take()
    assert (told.daemon_id, told.contract_id, told.connection_id) == ("d1", "c-t1", "a")


def test_two_hosts_under_one_name_are_told_of_and_one_that_moved_is_not() -> None:
    world = World()
    sender: Sender | None = None

    def hear(number: int, hostname: str) -> bool:
        """Whether the feed tells of two."""
        nonlocal sender
        body = orjson.dumps(
            {"daemon_id": "d1", "hostname": hostname, "seq": number, "timestamp": "2026-01-01T00:00:00Z"}
        )
        world.reader.read([message(body, number, "makima.shards.3.daemon.d1")], "e1")
        sender = world.senders.of(address("makima.shards.3.daemon.d1"))
        assert sender.last is not None
        return "rival" in orjson.loads(encode_state(sender.last, None, sender.rival))

    assert [hear(number, host) for number, host in enumerate(("one", "one", "two", "two"), 1)] == [False] * 4
    assert hear(5, "one")
    assert hear(6, "two")
    assert sender is not None
    assert sender.rival is not None
    assert (sender.rival.other, sender.rival.count) == ("one", 2)


@pytest.mark.parametrize("daemon", ["d1", "d2"])
def test_a_restored_supervisor_is_in_force_while_its_proof_is_on_its_way_to_the_log(daemon: str) -> None:
    world = World()
    world.senders.contracts.assign("c-t1", ContractAssigned("d1", "placed", "a", "t1"))
    world.settle()
    after = Arrival("e1", world.sequence, moment(MIDNIGHT_NS))
    requested = RestorationRequested("c-t1", daemon, "b", "resumed", "", after, "a")
    world.append(requested)
    world.learn(requested, world.position)
    [_] = world.hear(connection="b", daemon=daemon)  # it proves the restoration, once the log has taken it
    world.hear(connection="b", daemon=daemon)
    assert [each.connection_id for each in world.senders.signals.take()] == []
    world.hear(connection="a", daemon="d1")
    assert [each.connection_id for each in world.senders.signals.take()] == ["a"]


def test_a_restoration_that_comes_while_a_heartbeat_is_decided_fences_nobody() -> None:
    world = World()
    world.senders.contracts.assign("c-t1", ContractAssigned("d1", "placed", "a", "t1"))
    proof = (
        RestorationRequested("c-t1", "d1", "a", "fresh", "", Arrival("e1", 0, moment(0)), None),
        RestorationProved("c-t1", "d1", "a", Arrival("e1", 0, moment(0))),
    )
    world.settle()
    for event in proof:
        world.append(event)
        world.learn(event, world.position)
    [_] = world.hear(IDLE)  # undecided
    requested = RestorationRequested("c-t1", "d1", "b", "resumed", "", Arrival("e1", 1, moment(0)), "a")
    world.append(requested)
    world.learn(requested, world.position)
    world.hear(connection="b")
    assert [each.connection_id for each in world.senders.signals.take()] == []
