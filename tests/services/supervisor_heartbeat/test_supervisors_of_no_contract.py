"""A supervisor of a contract that does not exist is not registered; as soon as the contract is there, it is."""

import asyncpg
from makima_kernel.service.settings import Settings
from makima_schemas.assignment import Admission
from makima_schemas.supervisor import SupervisorRegistered
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.daemon import Daemon
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts
from tests.services.supervisor_heartbeat.harness import running, supervisor_beat
from tests.services.supervisor_heartbeat.messages import message
from tests.services.supervisor_heartbeat.sender_cache_world import IDLE, WORKING, World, knowing


def strangers() -> World:
    """A recorder that knows no contract."""
    world = World()
    world.senders.contracts.delete("c-t1")
    return world


def test_a_supervisor_of_a_contract_that_does_not_exist_registers_nobody() -> None:
    world = strangers()
    for state in (WORKING, IDLE, WORKING):
        assert not world.hear(state)
    assert world.senders.contracts.take_unknown() == 3
    assert world.senders.streams == ["supervisor-t1"], "nor does it introduce its daemon"
    beat = message(supervisor_beat("t1"), 90, "makima.shards.3.supervisor.d1.t1")
    [slice_] = world.reader.read([beat], "e1")
    assert slice_.rows, "the history has it"


def test_a_supervisor_that_was_heard_before_its_contract_was_known_is_not_lost() -> None:
    world = strangers()
    world.hear(IDLE)
    world.hear(WORKING)
    found = world.senders.create_contract("c-t1", Assigned("ada"))
    [(sender, observed)] = world.put(world.supervisors(list(found)))
    assert observed.state is WORKING, "its newest heartbeat counts"
    world.decide(sender, observed)
    assert world.log.contract_id == "c-t1"
    assert not world.senders.create_contract("c-other", Assigned("ada"))


def test_a_daemon_that_does_not_serve_the_owner_gets_nothing_by_being_heard_early() -> None:
    world = strangers()
    world.senders.restore("daemon-d1", Daemon(admission=Admission("bob")))
    world.hear()
    assert not world.senders.create_contract("c-t1", Assigned("ada"))
    assert not list(world.senders.pending_observations())


def test_the_supervisor_of_a_deleted_contract_changes_nothing_any_more() -> None:
    world = World()
    world.settle()
    world.senders.contracts.delete("c-t1")
    assert not world.hear(IDLE)
    assert not world.hear(WORKING, "b")


def test_who_was_forgotten_waits_for_no_contract() -> None:
    world = strangers()
    world.hear()
    world.senders.drop(["supervisor-t1"])
    assert not world.senders.create_contract("c-t1", Assigned("ada"))
    assert not knowing("c-t1").streams


async def test_the_log_hears_of_a_supervisor_when_its_contract_is_created(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats) as fleet:
        fleet.contracts.update(("c-t1", "c-t2"))  # so that `beat` does not create them
        await fleet.beat(supervisor_beat("t1"))
        await fleet.beat(supervisor_beat("t2"))
        await fleet.recorded()
        assert await fleet.log.head() == 0
        assert len(await fleet.rows()) == 2
        await create_contracts(pool, ["c-t1"])
        [event] = await fleet.until("supervisor-t1", 1)
        assert isinstance(event, SupervisorRegistered)
    async with running(settings, pool, nats) as fleet:
        await fleet.recorded()
        assert await fleet.events("supervisor-t2") == []
        await create_contracts(pool, ["c-t2"])
        await fleet.until("supervisor-t2", 1)
