"""A contract that had a supervisor is placed again by a restoration: on real servers, with the contract service."""

from dataclasses import replace

import pytest
from makima_kernel.event_log.append import new_event
from makima_kernel.testing import eventually
from makima_schemas.contract.commands import CompleteContract, ReopenContract
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.daemon import DaemonDisconnected
from makima_schemas.supervisor import RestorationRequested, RestoreSupervisor, SupervisorStateChanged
from makima_schemas.supervisor import SupervisorState as S
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.domain.placement import ACTOR
from makima_supervisor_heartbeat.handlers import placements

from tests.kernel.event_log.append_builders import call, command
from tests.services.gateway.sender_samples import EVIDENCE
from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.services.supervisor_heartbeat.placing import ACCEPTED, World


async def test_a_contract_of_a_lost_machine_is_asked_of_another_daemon_which_restores_it(
    world: World,
) -> None:
    """Who gets it, its restoration says: until that is proved, the supervisor of before may come back and win."""
    await world.replica()
    await world.daemon("d1", 1, ACCEPTED)
    await world.daemon("d2", 1, ACCEPTED, owner="bob")
    await world.start()
    (given,) = await eventually(world.assignments)
    assert given.connection_id is not None
    task_id = str(given.task_id)
    await world.beat(supervisor_beat(task_id, contract_id="c1", connection_id=given.connection_id), "d1")
    await world.until(f"supervisor-{task_id}", 1)
    silent = SupervisorStateChanged(
        "c1", "d1", given.connection_id, S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await call(world.pool, command(f"supervisor-{task_id}", new_event(silent)))
    await world.daemon("d3", 2, ACCEPTED)
    await world.start("c2")  # a sign that a round has passed: it comes later
    await eventually(lambda: world.assignments("c2"))
    of_c1 = [each["daemon_id"] for each in world.asked if each["contract_id"] == "c1"]
    assert of_c1 == ["d1"], "d1 is connected: it starts its supervisor again by itself"
    await call(world.pool, command("daemon-d1", new_event(DaemonDisconnected(EVIDENCE))))
    await eventually(lambda: len([each for each in world.asked if each["contract_id"] == "c1"]) == 2)
    first, second = (each for each in world.asked if each["contract_id"] == "c1")
    assert second["task_id"] == first["task_id"]
    assert second["connection_id"] != first["connection_id"]
    requested = await _requested(world, task_id)
    assert (requested.daemon_id, requested.connection_id) == ("d3", second["connection_id"])
    assert await world.assignments() == [given]


async def test_a_restoration_that_cannot_be_recorded_now_is_asked_of_the_same_daemon_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "PLACEMENT_POLL_SECONDS", 0.1)
    await world.replica()
    await world.daemon("d1", 1, ACCEPTED)
    await world.daemon("d2", 9, ACCEPTED, owner="bob")
    await world.start()
    (given,) = await eventually(world.assignments)
    await world.say(given, S.WORKING)
    await world.until(f"supervisor-{given.task_id}", 1)
    monkeypatch.setattr(placements, "RECORD_TIMEOUT_SECONDS", 1e-6)  # no reply comes in time
    await world.daemon("d3", 1, ACCEPTED)
    silent = SupervisorStateChanged(
        "c1", "d1", given.connection_id, S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await call(world.pool, command("daemon-d1", new_event(DaemonDisconnected(EVIDENCE))))
    await call(world.pool, command(f"supervisor-{given.task_id}", new_event(silent)))
    await eventually(lambda: len(world.asked) >= 3)
    monkeypatch.setattr(placements, "RECORD_TIMEOUT_SECONDS", 8.0)
    requested = await _requested(world, str(given.task_id))
    assert {each["connection_id"] for each in world.asked[1:]} == {requested.connection_id}
    assert set(world.whom()[1:]) == {"d3"}


async def test_a_placement_that_is_recorded_late_restores_nobody_who_was_heard_meanwhile(
    world: World,
) -> None:
    """The process of a daemon may be up sooner than the daemon's answer is recorded."""
    await world.replica()
    await world.daemon("d1", 5, ACCEPTED)
    await world.start()
    (given,) = await eventually(world.assignments)
    task_id, connection_id = str(given.task_id), str(given.connection_id)
    await world.say(given, S.WORKING)
    await world.until(f"supervisor-{task_id}", 1)
    again = (app.NAME, "restore_supervisor", task_id, RestoreSupervisor("c1", "d1", connection_id))
    assert not (await world.send(*again, actor=ACTOR)).changed
    assert (await world.send(*again)).changed, "its process began anew, and asks"


async def test_a_restored_contract_that_completed_and_is_reopened_is_driven_again(world: World) -> None:
    """Only what a restoration hands out is in force of a supervisor that was restored before."""
    await world.replica()
    await world.daemon("d1", 5, ACCEPTED)
    await world.start()
    (given,) = await eventually(world.assignments)
    task_id = str(given.task_id)
    await world.say(given, S.WORKING)
    await world.until(f"supervisor-{task_id}", 1)
    await world.send(app.NAME, "restore_supervisor", task_id, RestoreSupervisor("c1", "d1", "restored-1"))
    await world.say(replace(given, connection_id="restored-1"), S.WORKING)
    await eventually(lambda: _has_assignments(world, 2))
    await world.say(replace(given, connection_id="restored-1"), S.COMPLETED)
    await world.until(f"supervisor-{task_id}", 5)
    await world.send("contract", "complete_contract", "c1", CompleteContract())
    await world.send("contract", "reopen_contract", "c1", ReopenContract("a bug"))

    await eventually(lambda: len(world.asked) == 2)
    again = world.asked[1]["connection_id"]
    assert (await _requested(world, task_id, 2)).connection_id == again
    await world.say(replace(given, connection_id=again), S.WORKING)
    await eventually(lambda: _has_assignments(world, 3))
    last = (await world.events(f"supervisor-{task_id}"))[-2]
    assert isinstance(last, SupervisorStateChanged)
    assert (last.connection_id, last.new_state) == (again, S.WORKING)
    assert (await world.assignments())[-1] == ContractAssigned("d1", "restored", again, task_id)


async def _requested(world: World, task_id: str, count: int = 1) -> RestorationRequested:
    """The newest restoration that was asked for, once there are so many."""

    async def there() -> list[RestorationRequested]:
        events = await world.events(f"supervisor-{task_id}")
        found = [each for each in events if isinstance(each, RestorationRequested)]
        return found if len(found) == count else []

    return (await eventually(there))[-1]


async def _has_assignments(world: World, count: int) -> bool:
    return len(await world.assignments()) == count
