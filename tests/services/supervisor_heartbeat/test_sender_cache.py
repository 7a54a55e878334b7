"""What the recorder remembers: steady heartbeats ask nothing, and whatever the log says otherwise is put
right.
"""

from dataclasses import replace

from makima_schemas.daemon import ObserveDaemon
from makima_supervisor_heartbeat.domain.contracts import Assigned
from makima_supervisor_heartbeat.domain.sender_state import SUPERVISOR, SenderState

from tests.services.supervisor_heartbeat.harness import supervisor_beat
from tests.services.supervisor_heartbeat.messages import MIDNIGHT_NS, message
from tests.services.supervisor_heartbeat.sender_cache_world import IDLE, WORKING, World


def test_a_steady_heartbeat_asks_nothing() -> None:
    world = World()
    world.settle()
    assert not any(world.hear() for _ in range(5))


def test_what_is_on_its_way_to_the_log_is_not_asked_again() -> None:
    world = World()
    assert len(world.hear()) == 1
    assert not any(world.hear() for _ in range(5))


def test_every_change_is_asked_also_when_it_is_taken_back() -> None:
    world = World()
    world.settle()
    assert [observed.state for state in (IDLE, WORKING, IDLE) for _, observed in world.hear(state)] == [
        IDLE,
        WORKING,
        IDLE,
    ]


def test_a_verdict_after_the_last_heartbeat_is_believed() -> None:
    world = World()
    world.settle()
    event = world.verdict(world.sequence)
    world.append(event)
    assert not world.learn(event, world.position)


def test_the_heartbeat_after_a_verdict_heals() -> None:
    world = World()
    world.settle()
    event = world.verdict(world.sequence)
    world.append(event)
    world.learn(event, world.position)
    [(sender, observed)] = world.hear()
    world.decide(sender, observed)
    assert world.log.state is WORKING


def test_a_heartbeat_that_crossed_a_verdict_heals_as_soon_as_the_verdict_is_known() -> None:
    world = World()
    world.settle()
    known = world.sequence
    assert not world.hear()
    event = world.verdict(known)
    world.append(event)
    [(sender, observed)] = world.learn(event, world.position)
    world.decide(sender, observed)
    assert world.log.state is WORKING


def test_an_event_that_is_learnt_late_does_not_undo_what_came_after_it() -> None:
    world = World()
    world.settle()
    [(sender, idle)] = world.hear(IDLE)
    [(_, working)] = world.hear(WORKING)
    [to_idle], _ = world.decide(sender, idle)
    [to_working], _ = world.decide(sender, working)
    assert not world.learn(to_idle, world.position - 1)
    assert not world.hear(WORKING)
    assert not world.learn(to_working, world.position)
    assert [observed.state for _, observed in world.hear(IDLE)] == [IDLE]


def test_an_answer_that_changed_nothing_does_not_ask_in_circles() -> None:
    world = World()
    [(sender, observed)] = world.hear()
    world.append(*SUPERVISOR.decide(observed, world.log))
    events, more = world.decide(sender, observed)
    assert not events
    assert not more


def test_what_was_read_but_not_recorded_is_news_again() -> None:
    world = World()
    world.settle()
    [(sender, observed)] = world.hear(IDLE)
    world.decide(sender, observed)
    world.senders.discard_expected()
    told: SenderState = replace(world.log, state=WORKING)
    world.senders.restore("supervisor-t1", told)
    assert len(world.hear(IDLE)) == 1


def test_a_sender_whose_first_heartbeat_was_read_and_not_recorded_is_registered_by_its_next_reading() -> None:
    world = World()
    assert len(world.read()) == 1
    world.senders.discard_expected()
    world.sequence -= 1
    [(sender, observed)] = world.hear()
    world.decide(sender, observed)
    assert world.log.state is WORKING


def test_a_verdict_is_believed_and_healed_by_a_sender_of_whom_something_was_read_and_not_recorded() -> None:
    world = World()
    world.settle()
    assert len(world.read(IDLE)) == 1
    world.senders.discard_expected()
    event = world.verdict(world.sequence)
    world.append(event)
    world.learn(event, world.position)
    [(sender, observed)] = world.hear(WORKING)
    world.decide(sender, observed)
    assert world.log.state is WORKING


def test_of_two_changes_the_one_that_was_not_recorded_is_asked_once_the_other_is_answered() -> None:
    world = World()
    world.settle()
    [(sender, observed)] = world.hear(IDLE)
    assert len(world.read(WORKING)) == 1
    world.senders.discard_expected()
    world.sequence -= 1
    assert not world.hear(WORKING)
    [to_idle], _ = world.decide(sender, observed)
    [(_, again)] = world.learn(to_idle, world.position)
    assert again.state is WORKING


def test_whom_a_restored_log_does_not_know_is_registered_in_it() -> None:
    world = World()
    world.settle()
    assert not world.hear()
    world.log, world.position = SUPERVISOR.initial, 0
    world.senders.forget()
    world.senders.create_contract("c-t1", Assigned("ada"))
    [(sender, observed)] = world.put(world.supervisors(list(world.senders.pending_observations())))
    [event], _ = world.decide(sender, observed)
    assert not world.learn(event, world.position)
    assert not world.hear()


def test_a_heartbeat_of_a_stream_that_is_gone_is_not_observed_in_the_one_that_is_there() -> None:
    world = World()
    world.settle()
    world.senders.begin("e2")
    event = world.verdict(world.sequence - 1)
    world.append(event)
    assert not world.learn(event, world.position)
    assert not list(world.senders.pending_observations())


def test_an_older_incarnation_is_not_its_senders_last_word() -> None:
    world = World()
    world.hear(connection="a")
    world.hear(IDLE, connection="b")
    last = world.sequence
    assert not world.hear(WORKING, connection="a")
    assert not world.hear(IDLE, connection="b")
    [slice_] = world.reader.read([message(supervisor_beat("t1", WORKING, connection_id="a"), 90)], "e1")
    assert slice_.rows[0].endswith("\tf\n")
    assert not slice_.heard
    assert world.sequence == last + 2


def test_a_supervisor_registers_its_daemon_once() -> None:
    world = World()
    found: list[ObserveDaemon] = []
    for number in range(3):
        beat = supervisor_beat(f"t{number}")
        [slice_] = world.reader.read(
            [message(beat, number + 1, f"makima.shards.3.supervisor.d1.t{number}")], "e1"
        )
        found += [each for _, each in slice_.observations if isinstance(each, ObserveDaemon)]
    assert [each.hostname for each in found] == [""]


def test_a_task_that_speaks_for_another_contract_is_set_aside() -> None:
    world = World()
    world.settle()
    [slice_] = world.reader.read(
        [message(supervisor_beat("t1", contract_id="c9", connection_id="a"), 9)], "e1"
    )
    assert [reason for _, reason in slice_.aside] == ["task t1 belongs to contract c-t1, not to c9"]


def test_who_has_ended_and_is_not_heard_any_more_is_dropped_and_nobody_else() -> None:
    world = World()
    world.settle()
    later = MIDNIGHT_NS + 3_600_000_000_000
    assert world.senders.ended(world.senders.streams, later) == [
        "daemon-d1"
    ]  # of which nobody has told anything yet
    event = world.verdict(world.sequence)
    world.append(event)
    world.learn(event, world.position)
    assert set(world.senders.ended(world.senders.streams, later)) == {"supervisor-t1", "daemon-d1"}
    assert "supervisor-t1" not in world.senders.ended(world.senders.streams, MIDNIGHT_NS)
    world.senders.drop(["supervisor-t1"])
    assert world.senders.streams == ["daemon-d1"]


def test_an_event_that_tells_of_one_that_was_dropped_asks_for_what_came_before() -> None:
    world = World()
    world.settle()
    world.senders.drop(["supervisor-t1"])
    unknown = world.senders.unknown("supervisor-t1", "t1", 2)
    assert unknown is not None
    event = world.verdict(world.sequence)
    world.append(event)
    world.senders.recall(unknown, world.log, 2)
    assert not world.learn(event, 2)
    assert unknown.logged == world.log
    assert world.senders.unknown("supervisor-t1", "t1", 3) is None


def test_the_same_place_of_another_stream_is_another_place() -> None:
    world = World()
    world.settle()
    world.sequence, world.epoch = 0, "e2"
    [(_, observed)] = world.hear(IDLE)
    assert (observed.heard.stream_epoch, observed.heard.stream_sequence) == ("e2", 1)


def test_who_does_not_hold_the_shards_raises_nobody_from_the_dead() -> None:
    """A standby remembers what it heard while it recorded, also what is newer than the verdict knows."""
    world = World()
    world.settle()
    world.hear()
    world.senders.lose_shards()
    assert world.learn(world.verdict(1), world.position + 1) == []
    assert [*world.senders.pending_observations()] == []
