"""A supervisor that was restarted and comes back under the connection id and in the state that it had."""

from uuid import uuid4

from makima_kernel.testing import eventually
from makima_schemas.commands import Accepted, Request
from makima_schemas.supervisor import SupervisorRegistered, SupervisorRestartRequested, SupervisorStateChanged
from makima_schemas.supervisors_agent import SupervisorsAgent, evolve
from makima_supervisor_heartbeat import app

from tests.services.supervisor_heartbeat.crew import Crew
from tests.services.supervisor_heartbeat.harness import daemon_beat, supervisor_beat


async def test_a_supervisor_that_beats_after_a_restart_is_not_restarting_any_more(crew: Crew) -> None:
    """Its beat changes nothing but that. What it said before the restart, and a second beat after it, change nothing."""
    fleet, said = crew.fleet, supervisor_beat("t1")
    await fleet.beat(said)
    await fleet.beat(daemon_beat("d1"))
    await fleet.until("daemon-d1", 2)
    before = await fleet.beat(said)
    await fleet.recorded()
    restart: Request[object] = Request(uuid4(), "t1", {"reason": "it hangs"})
    assert isinstance(await fleet.service.bus.ask(app.NAME, "restart_supervisor", restart), Accepted)
    _, asked = await fleet.until("supervisor-t1", 2)
    assert isinstance(asked, SupervisorRestartRequested)
    assert asked.last_heard is not None
    assert asked.last_heard.stream_sequence == before
    after = await fleet.beat(said)
    await fleet.beat(said)
    await fleet.recorded()
    events = await fleet.until("supervisor-t1", 3)
    assert isinstance(back := events[2], SupervisorStateChanged)
    assert (back.old_state, back.new_state, back.connection_id) == (said.state, said.state, "t1-1")
    assert back.heard is not None
    assert back.heard.stream_sequence == after
    assert isinstance(events[0], SupervisorRegistered)
    record = evolve(evolve(SupervisorsAgent(), events[0]), asked)
    assert record.restart_requested
    assert not evolve(record, back).restart_requested
    await fleet.beat(supervisor_beat("t2"))
    await fleet.until("supervisor-t2", 1)  # whatever was due of t1 before is in the log
    assert len(await fleet.events("supervisor-t1")) == 3


async def test_a_recorder_that_starts_after_the_restart_sees_who_is_back(crew: Crew) -> None:
    """The read model tells it of the restart."""
    fleet = crew.fleet
    await fleet.beat(daemon_beat("d1"))
    await fleet.beat(supervisor_beat("t1"))
    await fleet.until("daemon-d1", 1)
    await fleet.until("supervisor-t1", 1)

    async def restarts() -> bool:
        request: Request[object] = Request(uuid4(), "t1", {})
        return isinstance(await fleet.service.bus.ask(app.NAME, "restart_supervisor", request), Accepted)

    await eventually(restarts)

    async def told() -> bool:
        row = await fleet.pool.fetchval(
            "select (told ->> 'restarting')::boolean from supervisor_heartbeat.senders where stream = 'supervisor-t1'"
        )
        return bool(row)

    await eventually(told)
