"""Agents beside supervisors and daemons in one detector: a timeout per kind, joins as signs of life, and restarts."""

from dataclasses import replace

import pytest
from makima_schemas.agent import AgentStatus
from makima_stale_detector.domain.members.heartbeat import UNREAD
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.members.sender_names import heartbeat_subject, shard_of
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND, Timeouts
from makima_stale_detector.domain.verdicts.findings import Findings
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.verdict import Verdict
from makima_stale_detector.handlers.detection_loop import command_id

from tests.services.stale_detector.flowing_detector import SHARDS, Watch, named
from tests.services.stale_detector.flowing_detector import sender as supervisor

# Ten times as fast as the defaults, and more: 120, 90, 60 and 30 s.
TIMEOUTS = Timeouts(
    timeout=4 * SECOND,
    interval=SECOND,
    grace=500 * MILLISECOND,
    agent_timeout=3 * SECOND,
    restart_timeout=2 * SECOND,
)
OWNER = "ada"


class Watching(Watch):
    """Also of agents, `agent:c<number>:builder`, on the daemon of their contract's supervisor."""

    def __init__(self) -> None:
        super().__init__(TIMEOUTS)

    def join(self, number: int, position: int = 1, connection: str = "x", **changes: object) -> Sender:
        joined = replace(agent(number, position, connection), **changes)  # pyright: ignore[reportArgumentType]
        self.detector.track(joined, OWNER)
        return joined

    def beat(self, number: int, connection: str | None = "x", contract: str | None = None) -> None:
        self.sequence += 1
        sender = agent(number)
        shard = self.detector.shards[shard_of(heartbeat_subject(sender.name, sender.daemon_id), SHARDS)]
        shard.consumed(self.sequence, self.clocks[shard.number])
        source = (sender.name, f"c{number}" if contract is None else contract, connection, 0)
        self.detector.on_heartbeat(shard, source, self.sequence, self.clocks[shard.number])


def agent(number: int, position: int = 1, connection: str = "x") -> Sender:
    daemon = supervisor(number).daemon_id
    return Sender(
        f"agent:c{number}:builder", True, position, f"c{number}", daemon, connection, (), AgentStatus.READY, position
    )  # fmt: skip


def restarted(number: int, version: int) -> Sender:
    return replace(agent(number), alive=False, status=AgentStatus.RESTARTING, status_version=version)


def test_each_kind_has_its_own_timeout_in_one_detector() -> None:
    watch = Watching()
    watch.flow(SECOND)
    watch.track(1, owner=OWNER)
    watch.detector.track(Sender("daemon:d1", True, 1, None, "d1"), "")
    watch.join(1)
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    [found] = watch.flow(200 * MILLISECOND).verdicts
    assert (found.sender.name, found.evidence.timeout_seconds) == ("agent:c1:builder", 3.0)
    assert watch.flow(750 * MILLISECOND).verdicts == []
    later = watch.flow(200 * MILLISECOND).verdicts
    assert named(later) == ["daemon:d1", "supervisor:t1"]
    assert {each.evidence.timeout_seconds for each in later} == {4.0}


def test_an_agent_that_beats_is_not_judged_and_one_that_stops_is_within_a_tick_of_its_deadline() -> None:
    watch = Watching()
    watch.join(1)
    for _ in range(10):
        watch.beat(1)
        assert watch.flow(SECOND).verdicts == []
    [found] = watch.flow(2100 * MILLISECOND).verdicts
    evidence = found.evidence
    assert evidence.last_heartbeat_at is not None
    assert (evidence.deadline - evidence.last_heartbeat_at).total_seconds() == 3
    assert 0 <= evidence.lateness_ms <= 100
    assert found.connection_id == "x"


@pytest.mark.parametrize(("connection", "contract"), [("y", None), ("x", "c9")])
def test_what_a_connection_says_that_is_not_in_force_keeps_nobody_alive(
    connection: str, contract: str | None
) -> None:
    watch = Watching()
    watch.join(1)
    found = Findings()
    for _ in range(5):
        watch.beat(1, connection, contract)
        found.verdicts += watch.flow(SECOND).verdicts
    assert [each.connection_id for each in found.verdicts] == ["x"]


def test_a_heartbeat_that_is_refused_keeps_its_agent_alive() -> None:
    watch = Watching()
    watch.join(1)
    for _ in range(5):
        watch.beat(1, None, UNREAD)
        assert watch.flow(SECOND).verdicts == []


def test_an_agent_that_joined_and_never_beat_has_a_full_timeout_from_its_join_as_it_was_read() -> None:
    watch = Watching()
    watch.flow(10 * SECOND)
    watch.join(1)
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    [found] = watch.flow(200 * MILLISECOND).verdicts
    assert (found.evidence.stream_sequence, found.evidence.last_heartbeat_at) == (0, None)


@pytest.mark.parametrize("connection", ["x", "y"])
def test_a_join_gives_a_full_timeout_whatever_was_heard_before(connection: str) -> None:
    """Also to one that beat just before it was read: as nobody that is tracked, or under the old connection."""
    watch = Watching()
    watch.join(1)
    watch.beat(1)
    watch.flow(2 * SECOND)
    watch.join(1, 2, connection)
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    [found] = watch.flow(200 * MILLISECOND).verdicts
    assert (found.connection_id, found.sender.alive_position) == (connection, 2)
    watch.detector.untrack(found.sender.name)
    watch.beat(1, connection)  # from beyond the grave
    watch.flow(2 * SECOND)
    watch.join(1, 3, connection)
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    assert len(watch.flow(200 * MILLISECOND).verdicts) == 1


@pytest.mark.parametrize("owner_holds", [False, True])
def test_a_join_takes_back_the_verdict_and_the_suspicion_of_before(*, owner_holds: bool) -> None:
    watch = Watching()
    watch.join(1)
    if owner_holds:
        watch.detector.hold(OWNER, Hold(1, held=True))
    given = watch.flow(3500 * MILLISECOND).verdicts
    assert len(given) == (0 if owner_holds else 1)
    watch.join(1, 2)
    assert not any(watch.detector.is_pending(each) for each in given)
    watch.detector.hold(OWNER, Hold(2))
    watch.detector.hold_recorded(OWNER)
    for verdict in given:
        watch.detector.resolve(verdict)  # its answer comes late
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    [again] = watch.flow(200 * MILLISECOND).verdicts
    assert (again.attempt, again.sender.alive_position) == (0, 2)


def test_each_silence_of_an_agent_has_one_command_id_in_every_replica_and_after_each_join_another() -> None:
    def silences(*joins: int) -> list[Verdict]:
        watch = Watching()
        watch.join(1)
        watch.beat(1)
        found: list[Verdict] = []
        for position in joins:
            watch.join(1, position)
            found += watch.flow(4 * SECOND).verdicts
        return found

    ids = [command_id(each) for each in silences(1, 2, 3)]
    assert ids == [command_id(each) for each in silences(1, 2, 3)]
    assert len(set(ids)) == 3


def test_a_verdict_that_the_owner_declined_is_given_again_after_another_timeout_under_another_id() -> None:
    watch = Watching()
    watch.join(1)
    [first] = watch.flow(3200 * MILLISECOND).verdicts
    watch.detector.resolve(first)
    assert watch.flow(2900 * MILLISECOND).verdicts == []
    [second] = watch.flow(200 * MILLISECOND).verdicts
    assert command_id(first) != command_id(second)


def test_an_agent_that_is_restarted_and_not_back_in_time_is_judged_by_observed_time() -> None:
    watch = Watching()
    watch.join(1)
    watch.detector.untrack("agent:c1:builder")
    watch.detector.restarts.watch(restarted(1, 7), OWNER)
    watch.flow(1900 * MILLISECOND)
    for _ in range(100):  # an outage of ours: nothing flows, or on one shard only
        assert watch.flow(SECOND, on=[0]).verdicts == []
    [found] = watch.flow(200 * MILLISECOND).verdicts
    assert (found.sender.name, found.restarting_since) == ("agent:c1:builder", 7)
    assert (found.evidence.timeout_seconds, found.evidence.stream_sequence) == (2.0, 0)
    assert 0 <= found.evidence.lateness_ms <= 100
    assert watch.detector.is_pending(found)
    assert watch.flow(5 * SECOND).verdicts == [], "it is on its way"


def test_a_restart_whose_end_is_read_is_not_judged() -> None:
    watch = Watching()
    watch.flow(SECOND)
    for number in (1, 2):
        watch.detector.restarts.watch(restarted(number, 7), OWNER)
    watch.flow(SECOND)
    watch.detector.restarts.forget("agent:c1:builder")
    watch.detector.restarts.watch(restarted(2, 7), OWNER)  # read again: the same restart
    [found] = watch.flow(1200 * MILLISECOND).verdicts
    assert found.sender.name == "agent:c2:builder"
    watch.detector.restarts.watch(restarted(2, 9), OWNER)  # another one
    assert not watch.detector.is_pending(found)
    assert watch.flow(1900 * MILLISECOND).verdicts == []
    [again] = watch.flow(200 * MILLISECOND).verdicts
    assert command_id(again) != command_id(found)


def test_a_restart_is_not_judged_under_a_hold_and_again_when_its_owner_declines() -> None:
    watch = Watching()
    watch.flow(SECOND)
    watch.detector.restarts.watch(restarted(1, 7), OWNER)
    watch.detector.restarts.watch(restarted(2, 7), "bob")
    watch.detector.hold(OWNER, Hold(1, held=True))
    [others] = watch.flow(3 * SECOND).verdicts
    assert others.owner == "bob"
    watch.detector.hold(OWNER, Hold(2))
    watch.detector.hold_recorded(OWNER)
    [found] = watch.flow(50 * MILLISECOND).verdicts
    assert found.hold_version == 2
    watch.detector.reconsider(found)
    [again] = watch.flow(50 * MILLISECOND).verdicts
    assert command_id(again) == command_id(found)
    watch.detector.resolve(again)
    assert watch.flow(1900 * MILLISECOND).verdicts == []
    [later] = watch.flow(200 * MILLISECOND).verdicts
    assert command_id(later) != command_id(found)


def test_a_stream_that_begins_anew_gives_whoever_is_restarted_a_full_timeout() -> None:
    watch = Watching()
    watch.flow(10 * SECOND)
    watch.detector.restarts.watch(restarted(1, 7), OWNER)
    watch.flow(1900 * MILLISECOND)
    watch.begin("e2")
    assert watch.flow(1900 * MILLISECOND).verdicts == []
    assert len(watch.flow(300 * MILLISECOND).verdicts) == 1
