"""Every heartbeat is kept, once, and the newest of each sender is at hand."""

from makima_schemas.daemon import DaemonConnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.services.supervisor_heartbeat.harness import Running, daemon_beat, supervisor_beat


async def test_a_heartbeat_is_kept_and_registers_its_sender(fleet: Running) -> None:
    sequence = await fleet.beat(
        supervisor_beat(
            "t1", current_activity="tab\tline\nback\\slash é", progress=40, pending_task_ids=["t2"]
        )
    )
    [registered] = await fleet.until("supervisor-t1", 1)
    assert isinstance(registered, SupervisorRegistered)
    assert registered.heard is not None
    assert registered.heard.stream_sequence == sequence
    [row] = await fleet.rows()
    assert (row["sender"], row["activity"], row["progress"]) == (
        "supervisor-t1",
        "tab\tline\nback\\slash é",
        40,
    )
    assert row["detail"] == '{"pending_task_ids":["t2"]}'
    latest = await fleet.latest("supervisor-t1")
    assert latest is not None
    assert latest["sequence"] == sequence


async def test_a_state_change_is_an_event_and_a_repetition_is_none(fleet: Running) -> None:
    for state in (
        SupervisorState.WORKING,
        SupervisorState.WORKING,
        SupervisorState.IDLE,
        SupervisorState.IDLE,
        SupervisorState.WORKING,
    ):
        await fleet.beat(supervisor_beat("t1", state))
    events = await fleet.until("supervisor-t1", 3)
    assert [(e.old_state, e.new_state) for e in events if isinstance(e, SupervisorStateChanged)] == [
        (SupervisorState.WORKING, SupervisorState.IDLE),
        (SupervisorState.IDLE, SupervisorState.WORKING),
    ]
    await fleet.recorded()
    assert len(await fleet.rows()) == 5


async def test_a_daemon_is_connected_by_its_first_heartbeat(fleet: Running) -> None:
    await fleet.beat(daemon_beat("d7", hostname="box"))
    [connected] = await fleet.until("daemon-d7", 1)
    assert isinstance(connected, DaemonConnected)
    assert connected.hostname == "box"
