"""A supervisor's heartbeat of a daemon that does not run its contract changes nothing."""

from uuid import uuid4

import asyncpg
from makima_kernel.event_log.append import Append, new_event
from makima_kernel.testing import eventually
from makima_schemas.assignment import Admission
from makima_schemas.codec import Event
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract.events import ContractAssigned, ContractDeleted
from makima_schemas.daemon import DaemonAdmitted, DaemonConnected
from makima_schemas.envelope import EventMeta
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import (
    RestorationProved,
    RestorationRequested,
    SupervisorRegistered,
    SupervisorState,
    SupervisorStateChanged,
)
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.daemon import Daemon
from makima_supervisor_heartbeat.domain.sender_state import SUPERVISOR, SenderState

from tests.contracts_in_the_log import CREATED
from tests.services.supervisor_heartbeat.harness import Running, supervisor_beat
from tests.services.supervisor_heartbeat.messages import message
from tests.services.supervisor_heartbeat.sender_cache_world import IDLE, WORKING, World
from tests.services.supervisor_heartbeat.supervisor_events import NOON


def admitted(world: World, daemon_id: str, owner: str | None) -> None:
    world.senders.restore(f"daemon-{daemon_id}", Daemon(admission=Admission(owner)))


def test_a_foreign_daemons_beat_changes_nothing() -> None:
    world = World()
    world.settle()
    assert not world.hear(IDLE, "b", "d2")
    assert not world.hear(IDLE, "a", "d2"), "nor under the connection that it overheard"
    assert world.senders.contracts.foreign.take_count() == 2
    [slice_] = world.reader.read(
        [message(supervisor_beat("t1", IDLE, connection_id="a"), 90, "makima.shards.3.supervisor.d2.t1")],
        "e1",
    )
    assert slice_.rows[0].endswith("\tf\n"), "it stands in the history"
    assert not world.hear(WORKING), "and the daemon's own one is as steady as before"


def test_one_that_does_not_serve_the_owner_registers_nobody() -> None:
    world = World()
    admitted(world, "d1", "bob")
    assert not world.hear()
    admitted(world, "d1", "ada")
    assert len(world.hear()) == 1


def test_a_daemon_goes_on_for_one_that_fell_silent_only_by_a_restoration() -> None:
    world = World()
    world.settle()
    event = world.verdict(world.sequence)
    world.append(event)
    world.learn(event, world.position)
    admitted(world, "d2", "ada")
    assert not world.hear(WORKING, "b", "d2"), "silence gives it to nobody"
    after = Arrival("e1", world.sequence, NOON)
    requested = RestorationRequested("c-t1", "d2", "b", "resumed", "", after, "a")
    world.append(requested)
    assert not world.learn(requested, world.position), "what was heard before proves nothing"
    assert not world.hear(WORKING, "held-up", "d1")
    assert not world.hear(WORKING, "other", "d2")
    [(sender, observed)] = world.hear(WORKING, "b", "d2")
    events, _ = world.decide(sender, observed)
    assert [type(event) for event in events] == [SupervisorStateChanged, RestorationProved]
    for position, event in enumerate(events, world.position - 1):
        world.learn(event, position)
    assert world.senders.contracts.assigned("c-t1") == Assigned("ada", "d2", "b", "t1")
    assert not world.hear(IDLE, "a", "d1")


def test_from_its_assignment_on_no_other_daemons_beat_counts() -> None:
    world = World()
    world.settle()
    world.senders.contracts.assign("c-t1", ContractAssigned("d2", "taken_over"))
    assert not world.hear(IDLE)
    assert not world.hear(WORKING), "also one that says nothing new"
    assert world.senders.contracts.foreign.take_count() == 2
    [(sender, observed)] = world.hear(WORKING, "b", "d2")
    world.decide(sender, observed)
    assert (world.log.daemon_id, world.log.connection_id) == ("d2", "b")


def test_an_admission_outlives_what_its_daemon_sends() -> None:
    world = World()
    admitted(world, "d1", "ada")
    connected = DaemonConnected("host", None)
    world.senders.apply_event("daemon-d1", "d1", connected, 1, 2)
    told: SenderState = world.senders._of("daemon-d1", "d1").logged  # pyright: ignore[reportPrivateUsage]
    assert isinstance(told, Daemon)
    assert (told.admission, told.connected) == (Admission("ada"), True)
    assert SUPERVISOR.initial.daemon_id == ""


async def append(fleet: Running, stream: str, *events: Event) -> None:
    made = tuple(new_event(event) for event in events)
    await fleet.service.appender.append(Append("default", stream, uuid4(), b"", None, made, EventMeta()))


async def test_a_daemon_is_admitted_once(fleet: Running) -> None:
    for _ in range(2):
        request = Request(uuid4(), "d1", {"daemon_id": "d1", "owner": "ada"})
        reply = await fleet.service.bus.ask("supervisor_heartbeat", "admit_daemon", request)
        assert isinstance(reply, Accepted)
    assert await fleet.events("daemon-d1") == [DaemonAdmitted("d1", "ada")]


async def test_the_log_says_whose_heartbeats_count(fleet: Running, pool: asyncpg.Pool) -> None:
    """The recorder follows the log, and its read model is the fold that a restart loads."""
    await append(fleet, "daemon-bobs", DaemonAdmitted("bobs", "bob"))
    await append(fleet, "contract-c-t1", CREATED)
    await append(fleet, "contract-c-t2", CREATED, ContractAssigned("d2", "placed"))
    await append(fleet, "contract-c-t3", CREATED, ContractDeleted())
    await append(
        fleet,
        "supervisor-t0",
        SupervisorRegistered("c-t1", "bobs", None, SupervisorState.WORKING, "plan"),
    )
    await append(
        fleet,
        "supervisor-t1",
        SupervisorRegistered("c-t1", "d1", None, SupervisorState.WORKING, "plan"),
    )
    head = await fleet.log.head()

    async def rows() -> bool:
        return head <= await pool.fetchval(
            "select position from event_log.checkpoints where consumer = 'supervisor_heartbeat'"
        )

    await eventually(rows)
    found = await pool.fetch(
        "select contract_id, owner_id, daemon_id from supervisor_heartbeat.assignments order by contract_id"
    )
    assert [tuple(row) for row in found] == [("c-t1", "ada", "d1"), ("c-t2", "ada", "d2")]
    await fleet.beat(supervisor_beat("t1", IDLE, connection_id="b"), "bobs")
    await fleet.beat(supervisor_beat("t2"), "d1")
    await fleet.recorded()
    assert len(await fleet.events("supervisor-t1")) == 1
    assert await fleet.events("supervisor-t2") == []
    assert len(await fleet.rows()) == 2, "the history has them"
