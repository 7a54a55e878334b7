"""Who sends heartbeats and is registered by no event: remembered for a timeout, and not without end."""

from makima_schemas import subjects
from makima_stale_detector.domain.members.sender_names import daemon_of
from makima_stale_detector.domain.members.unregistered import UnregisteredSenders
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.detector import Detector

from tests.services.stale_detector.flowing_detector import TIMEOUTS, Watch, home, named, sender

MOST = 10
HOURS = 4 * 3600 * SECOND


def invented(watch: Watch, numbers: range, daemon_id: str = "loud") -> None:
    """The daemon sends a heartbeat under each of these names, and announces quiet hours."""
    for number in numbers:
        name, on = sender(number).name, home(number)
        watch.sequence += 1
        subject = f"makima.shards.{on}.supervisor.{daemon_id}.t{number}"
        source = (name, f"c{number}", None, HOURS)
        watch.detector.on_heartbeat(
            watch.detector.shards[on], source, watch.sequence, watch.clocks[on], subject
        )


def watching() -> Watch:
    watch = Watch()
    watch.detector = Detector(TIMEOUTS, "r1", 2, max_unregistered=MOST)
    watch.begin()
    watch.flow(100 * MILLISECOND)
    return watch


def remembered(watch: Watch) -> int:
    return sum(len(shard.wheel) for shard in watch.detector.shards)


def test_names_that_a_daemon_invents_fill_no_memory() -> None:
    watch = watching()
    invented(watch, range(1000))
    assert (remembered(watch), len(watch.detector.unregistered)) == (MOST, MOST)
    invented(watch, range(1000))
    assert remembered(watch) == MOST, "those that are remembered are not counted again"


def test_what_one_daemon_invents_takes_nothing_from_another() -> None:
    watch = watching()
    invented(watch, range(1000))
    invented(watch, range(1000, 1003), "quiet")
    assert len(watch.detector.unregistered) == MOST + 3


def test_who_is_registered_makes_room_for_the_next() -> None:
    watch = watching()
    invented(watch, range(1000))
    watch.track(*range(MOST))
    assert len(watch.detector.unregistered) == 0
    invented(watch, range(1000, 2000))
    assert (remembered(watch), len(watch.detector.unregistered)) == (2 * MOST, MOST)


def test_who_was_one_too_many_and_is_registered_all_the_same_has_a_full_timeout() -> None:
    watch = watching()
    invented(watch, range(1000))
    watch.flow(3 * SECOND)
    watch.track(999)
    assert named(watch.flow(3900 * MILLISECOND).verdicts) == []
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t999"]


def test_room_is_made_by_time_and_by_a_stream_that_begins_anew() -> None:
    watch = watching()
    for number in range(MOST):
        watch.hear(number)  # on subjects that name no daemon
    watch.flow(6 * SECOND)
    assert (remembered(watch), len(watch.detector.unregistered)) == (0, 0)
    invented(watch, range(1000))
    watch.begin("e2")
    assert len(watch.detector.unregistered) == 0


def test_a_sender_on_two_shards_is_two_deadlines_of_its_daemons() -> None:
    senders = UnregisteredSenders(1)
    assert senders.remember(0, "supervisor:t1", "d1")
    assert senders.remember(1, "supervisor:t1", "d2")
    assert not senders.remember(0, "supervisor:t2", "d1")
    senders.forget(0, "supervisor:t1")
    senders.forget(0, "supervisor:t1")
    assert senders.remember(0, "supervisor:t2", "d1")
    assert not senders.remember(1, "supervisor:t3", "d2")


def test_one_that_goes_makes_room_for_one() -> None:
    senders = UnregisteredSenders(3)
    for number in range(3):
        assert senders.remember(0, f"supervisor:t{number}", "d1") is True
    senders.forget(0, "supervisor:t0")
    assert senders.remember(0, "supervisor:t3", "d1") is True
    assert senders.remember(0, "supervisor:t4", "d1") is False


def test_the_subject_of_a_heartbeat_names_its_daemon() -> None:
    said = {
        subjects.supervisor_heartbeat("d1", "t1"): "d1",
        subjects.daemon_heartbeat("d1"): "d1",
        subjects.agent_heartbeat("d1", "c1", "builder"): "d1",
        subjects.agent_heartbeat(None, "c1", "builder"): "",
    }
    for subject, daemon_id in said.items():
        assert daemon_of(subject.replace("makima.heartbeats.", "makima.shards.7.")) == daemon_id
    assert daemon_of("makima.shards.7.canary") == daemon_of("") == ""
