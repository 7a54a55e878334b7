"""Who sends heartbeats and is registered by no event: remembered for a timeout, and not without end."""

from makima_kernel.nats.message import Message
from makima_schemas import subjects
from makima_stale_detector.domain.members.sender_names import daemon_of
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.unregistered import UnregisteredSenders
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer
from nats.aio.client import Client

from tests.services.stale_detector.flowing_detector import Watch, home, named

MOST = 10
BEAT = b'{"contract_id":"c%d","phase":"plan","state":"working","timestamp":"%s","quiet_until":"%s"}'
TIMES = (b"2026-01-01T00:00:00Z", b"2026-01-01T04:00:00Z")  # quiet for four hours


class Listening(Watch):
    """A detector whose heartbeats are read as from the stream."""

    def __init__(self) -> None:
        super().__init__()
        self.consumer = HeartbeatConsumer(self.detector, Client(), max_unregistered=MOST)
        self.flow(100 * MILLISECOND)

    def invented(self, numbers: range, daemon_id: str = "loud") -> None:
        """The daemon sends a heartbeat under each of these names."""
        for number in numbers:
            self.sequence += 1
            subject = f"makima.shards.{home(number)}.supervisor.{daemon_id}.t{number}"
            stamp = self.clocks[home(number)]
            self.consumer.consume(
                [Message(subject, BEAT % (number, *TIMES), None, self.sequence, 1, stamp, 0)]
            )

    @property
    def remembered(self) -> int:
        return sum(len(shard.wheel) for shard in self.detector.shards)


def test_names_that_a_daemon_invents_fill_no_memory() -> None:
    watch = Listening()
    watch.invented(range(1000))
    assert watch.remembered == MOST
    watch.flow(3 * SECOND)
    watch.invented(range(1000))
    assert watch.remembered == MOST, "those that are remembered are not counted again"


def test_what_one_daemon_invents_takes_nothing_from_another() -> None:
    watch = Listening()
    watch.invented(range(1000))
    watch.invented(range(1000, 1003), "quiet")
    assert watch.remembered == MOST + 3


def test_who_is_registered_makes_room_for_others_and_is_always_heard() -> None:
    watch = Listening()
    watch.invented(range(1000))
    watch.track(*range(MOST), 999)
    watch.flow(SECOND)
    watch.invented(range(1000, 2000))
    before = watch.remembered
    assert before == 2 * MOST + 1
    watch.invented(range(999, 1000))
    assert watch.detector.shards.newest("supervisor:t999") is not None
    assert watch.detector.shards.newest("supervisor:t999")[1] == watch.sequence  # pyright: ignore[reportOptionalSubscript]


def test_who_was_one_too_many_and_is_registered_all_the_same_has_a_full_timeout() -> None:
    watch = Listening()
    watch.invented(range(1000))
    watch.flow(3 * SECOND)
    watch.track(999)
    assert named(watch.flow(3900 * MILLISECOND).verdicts) == []
    assert named(watch.flow(SECOND).verdicts) == ["supervisor:t999"]


def test_room_is_made_by_time_and_by_a_stream_that_begins_anew_and_looked_for_once_a_second() -> None:
    watch = Listening()
    senders = UnregisteredSenders(watch.detector.tracked, 2)
    shard = watch.detector.shards[0]
    subject = "makima.shards.0.supervisor.d1.t"

    def admits(*names: str) -> list[bool]:
        admitted: list[bool] = []
        for name in names:
            admitted.append(senders.admits(shard, name, subject))
            if admitted[-1]:
                shard.wheel.touch(name, (shard.clock.observed + SECOND, 1, 1, None))
        return admitted

    assert admits("supervisor:a", "supervisor:b", "supervisor:c") == [True, True, False]
    assert admits("supervisor:a") == [True]
    shard.wheel.fire(shard.clock.observed + 2 * SECOND)
    assert admits("supervisor:c") == [False], "looked a moment ago"
    assert admits("supervisor:a") == [True], "one of those that are counted"
    watch.flow(SECOND)
    assert admits("supervisor:c", "supervisor:d") == [True, False], "and a is there again"
    watch.begin("e2")
    watch.flow(SECOND)
    assert admits("supervisor:d", "supervisor:e", "supervisor:f") == [True, True, False]


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
