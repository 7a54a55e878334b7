"""What the recorder remembers of those who come, go, and are told of by the log and the projection."""

from dataclasses import replace

import msgspec
from makima_schemas.daemon import DaemonConnected, ObserveDaemon
from makima_schemas.supervisor import ObserveHeartbeat
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.sender import Observation, Sender
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

from tests.services.supervisor_heartbeat.harness import daemon_beat, supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, message
from tests.services.supervisor_heartbeat.sender_cache_world import IDLE, WORKING, World


def daemon_heard(
    senders: SenderCache, sequence: int, hostname: str = "host"
) -> list[tuple[Sender, Observation]]:
    said = msgspec.json.encode(daemon_beat("d1", hostname=hostname))
    [slice_] = BatchBuilder(senders, [range(8)]).read(
        [message(said, sequence, "makima.shards.3.daemon.d1")], "e1"
    )
    return list(slice_.observations)


def test_a_daemon_is_observed_when_it_is_new_or_has_another_name_and_else_not() -> None:
    senders = SenderCache()
    [(sender, observed)] = daemon_heard(senders, 1)
    assert isinstance(observed, ObserveDaemon)
    assert (sender.stream, observed.hostname, observed.heard.stream_sequence) == ("daemon-d1", "host", 1)
    senders.apply_event("daemon-d1", "d1", DaemonConnected("host", observed.heard), 1, 1)
    assert daemon_heard(senders, 2) == []
    [(_, renamed)] = daemon_heard(senders, 3, "another-host")
    assert isinstance(renamed, ObserveDaemon)
    assert renamed.hostname == "another-host"


def test_the_first_supervisor_of_an_unknown_daemon_observes_the_daemon_too_and_the_next_one_does_not() -> (
    None
):
    world = World()
    world.senders.create_contract("c-t2", Assigned("ada"))
    [slice_] = world.reader.read([message(supervisor_beat("t1", WORKING), 1)], "e1")
    assert [type(observed) for _, observed in slice_.observations] == [ObserveDaemon, ObserveHeartbeat]
    [slice_] = world.reader.read(
        [message(supervisor_beat("t2", WORKING), 2, "makima.shards.3.supervisor.d1.t2")], "e1"
    )
    assert [type(observed) for _, observed in slice_.observations] == [ObserveHeartbeat]


def test_in_another_incarnation_of_the_stream_what_was_heard_says_nothing_and_in_the_same_it_does() -> None:
    world = World()
    world.hear()
    world.senders.forget()
    world.senders.create_contract("c-t1", Assigned("ada"))
    world.senders.begin("e1")
    assert [
        observed.heard.stream_sequence
        for _, observed in world.supervisors(list(world.senders.pending_observations()))
    ] == [1]
    world.senders.forget()
    world.senders.begin("e2")
    assert list(world.senders.pending_observations()) == []


def test_only_whose_first_event_was_missed_is_unknown() -> None:
    world = World()
    assert world.senders.unknown("supervisor-t1", "t1", 1) is None
    assert world.senders.unknown("supervisor-t1", "t1", 2) is not None
    world.settle()
    assert world.senders.unknown("supervisor-t1", "t1", 9) is None, "its first event is known"


def test_what_is_recalled_of_a_sender_counts_from_its_version_on() -> None:
    world = World()
    world.settle()
    sender = next(sender for sender, _ in world.hear(IDLE))
    world.senders.recall(sender, replace(world.log, phase="review"), sender.version)
    assert isinstance(sender.logged, Supervisor)
    assert sender.logged.phase == "review"
    world.senders.recall(sender, world.log, sender.version - 1)
    assert sender.logged.phase == "review"


def test_what_the_projection_says_of_a_sender_is_expected_of_its_next_heartbeat() -> None:
    said, later = World(), World()
    said.settle()
    later.sequence = said.sequence
    later.senders.restore("supervisor-t1", said.log)
    assert not later.hear(WORKING)
    assert len(later.hear(IDLE)) == 1
    later.senders.restore("supervisor-t1", said.log)
    assert not later.hear(IDLE), "the observation on its way is waited for"


def test_who_was_not_heard_since_and_does_not_live_has_ended() -> None:
    world = World()
    world.settle()
    now = MIDNIGHT_NS + world.sequence * 1_000_000
    assert world.senders.ended(["supervisor-t1", "supervisor-nobody"], now + 1) == [], "it lives"
    event = world.verdict(world.sequence)
    world.append(event)
    world.learn(event, world.position)
    assert world.senders.ended(["supervisor-t1"], now) == [], "it was heard just then"
    assert world.senders.ended(["supervisor-t1"], now + 1) == ["supervisor-t1"]
