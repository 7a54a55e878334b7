"""Who is tracked follows from what the log says, event by event."""

from datetime import UTC, datetime
from uuid import UUID

from makima_schemas.codec import Event, encode
from makima_schemas.connections import REMEMBERED_CONNECTIONS
from makima_schemas.contract.events import ContractStarted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.envelope import EventMeta, Recorded
from makima_schemas.evidence import Arrival
from makima_schemas.supervisor import RestorationProved, SupervisorRegistered, SupervisorState
from makima_stale_detector.domain.members.sender import Sender, evolve, sender_of_event

from tests.services.stale_detector.sender_events import EVIDENCE, NOW, changed


def recorded(stream: str, position: int, event: Event) -> Recorded:
    name = type(event).__name__
    return Recorded(
        position,
        "default",
        stream,
        1,
        UUID(int=position),
        UUID(int=1),
        name,
        1,
        encode(event),
        EventMeta(),
        NOW,
    )


def fold(stream: str, *events: Event) -> Sender | None:
    sender = None
    for position, event in enumerate(events, 1):
        sender = evolve(sender, recorded(stream, position, event), event)
    return sender


def registered(
    state: SupervisorState = SupervisorState.WORKING, connection: str | None = "x"
) -> SupervisorRegistered:
    return SupervisorRegistered("c1", "d1", connection, state, "plan")


SILENT = changed(SupervisorState.INTERRUPTED, by="heartbeat_expired")


def test_a_registered_supervisor_is_tracked_from_its_event_on() -> None:
    assert fold("supervisor-t1", registered()) == Sender("supervisor:t1", True, 1, "c1", "d1", "x")


def test_a_new_state_leaves_the_position_that_made_it_alive() -> None:
    sender = fold("supervisor-t1", registered(), changed(SupervisorState.IDLE))
    assert sender is not None
    assert (sender.alive, sender.alive_position) == (True, 1)


def test_an_interrupted_one_is_tracked_no_more_and_again_when_it_returns() -> None:
    silent = fold("supervisor-t1", registered(), SILENT)
    assert silent is not None
    assert not silent.alive
    back = fold("supervisor-t1", registered(), SILENT, changed(SupervisorState.WORKING))
    assert back is not None
    assert (back.alive, back.alive_position) == (True, 3)


def test_one_that_said_it_is_done_is_tracked_no_more() -> None:
    for done in (SupervisorState.COMPLETED, SupervisorState.FAILED):
        sender = fold("supervisor-t1", registered(), changed(done))
        assert sender is not None
        assert not sender.alive


def test_a_replaced_connection_may_not_speak_any_more() -> None:
    sender = fold(
        "supervisor-t1", registered(connection="x"), changed(SupervisorState.WORKING, "y", daemon="d2")
    )
    assert sender is not None
    assert (sender.connection_id, sender.daemon_id, sender.superseded) == ("y", "d2", ("x",))
    assert not sender.accepts("c1", "x")
    assert sender.accepts("c1", "y")
    assert sender.accepts("c1", None)
    assert not sender.accepts("c2", "y")


def test_where_a_connection_was_handed_out_no_other_one_counts() -> None:
    proved = RestorationProved("c1", "d2", "y", Arrival("e1", 2, datetime(2026, 1, 1, tzinfo=UTC)))
    sender = fold(
        "supervisor-t1",
        registered(connection="x"),
        changed(SupervisorState.WORKING, "y", daemon="d2"),
        proved,
    )
    assert sender is not None
    assert sender.handed_out
    assert not sender.accepts("c1", "held-up")
    assert sender.accepts("c1", "y")


def test_only_so_many_replaced_connections_are_remembered() -> None:
    sender = fold(
        "supervisor-t1",
        registered(),
        *[changed(SupervisorState.WORKING, f"x{number}") for number in range(100)],
    )
    assert sender is not None
    assert len(sender.superseded) == REMEMBERED_CONNECTIONS
    assert sender.superseded[-1] == "x98"


def test_a_daemon_is_tracked_while_it_is_connected() -> None:
    assert fold("daemon-d1", DaemonConnected("h")) == Sender("daemon:d1", True, 1, None, "d1")
    assert fold("daemon-d1", DaemonConnected("h"), DaemonConnected("h2")) == Sender(
        "daemon:d1", True, 1, None, "d1"
    )
    gone = fold("daemon-d1", DaemonConnected("h"), DaemonDisconnected(EVIDENCE))
    assert gone is not None
    assert not gone.alive


def test_a_daemon_that_has_never_spoken_itself_is_not_waited_for() -> None:
    """A supervisor's heartbeat has named it: there are none of its own that could stop."""
    named = fold("daemon-d1", DaemonConnected(""))
    assert named is not None
    assert not named.alive
    assert fold("daemon-d1", DaemonConnected(""), DaemonConnected("h")) == Sender(
        "daemon:d1", True, 2, None, "d1"
    )


def test_an_event_says_whom_it_is_about() -> None:
    assert sender_of_event(recorded("supervisor-t1", 1, SILENT), SILENT) == "supervisor:t1"
    assert (
        sender_of_event(recorded("daemon-d1", 1, DaemonConnected("h")), DaemonConnected("h")) == "daemon:d1"
    )


def test_a_sender_is_named_by_its_kind_and_its_id() -> None:
    for stream, event, kind, entity_id in (
        ("supervisor-t:1", registered(), "supervisor", "t:1"),
        ("daemon-d:1", DaemonConnected("h"), "daemon", "d:1"),
    ):
        sender = fold(stream, event)
        assert sender is not None
        assert (sender.name, sender.kind, sender.entity_id) == (f"{kind}:{entity_id}", kind, entity_id)


def test_one_that_was_forgotten_is_tracked_from_the_event_that_calls_it_alive() -> None:
    assert fold("supervisor-t1", changed(SupervisorState.WORKING)) == Sender(
        "supervisor:t1", True, 1, "c1", "d1", "x"
    )
    assert fold("supervisor-t1", SILENT) == Sender("supervisor:t1", False, 0, "c1", "d1", "x")


def test_a_connection_that_goes_on_or_was_never_named_replaces_nobody() -> None:
    for connections in (("x", "x"), (None, "x"), (None, None)):
        first, second = connections
        sender = fold("supervisor-t1", registered(connection=first), changed(SupervisorState.IDLE, second))
        assert sender is not None
        assert (sender.connection_id, sender.superseded) == (second, ())


def test_a_daemon_that_is_not_waited_for_is_alive_since_no_event() -> None:
    nobody = Sender("daemon:d1", False, 0, None, "d1")
    assert fold("daemon-d1", DaemonConnected("")) == nobody
    assert fold("daemon-d1", DaemonConnected("h"), DaemonDisconnected(EVIDENCE)) == nobody


def test_what_tells_of_nobody_changes_nobody() -> None:
    event = ContractStarted()
    sender = fold("supervisor-t1", registered())
    assert sender_of_event(recorded("contract-c1", 2, event), event) is None
    assert evolve(sender, recorded("contract-c1", 2, event), event) == sender
