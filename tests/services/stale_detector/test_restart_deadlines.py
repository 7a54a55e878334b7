"""The deadlines of restarts one by one: what begins them, postpones them and ends them, and what a verdict says."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from makima_schemas.agent import AgentStatus
from makima_schemas.maintenance import Window, Windows
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.verdicts.mass_silence import Hold
from makima_stale_detector.domain.verdicts.restart_deadlines import RestartDeadlines
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup
from makima_stale_detector.domain.verdicts.verdict import Verdict, moment

from tests.services.stale_detector.flowing_detector import START, Watch

TIMEOUT = 2 * SECOND
OWNER = "ada"


def restarted(role: str = "builder", version: int = 7) -> Sender:
    name = f"agent:c1:{role}"
    return Sender(name, False, 1, "c1", f"d-{role}", "x", (), AgentStatus.RESTARTING, version)


class Restarting:
    """Deadlines on two shards that flow."""

    def __init__(self) -> None:
        self.watch = Watch()
        self.watch.flow(SECOND)
        self.deadlines = RestartDeadlines(self.watch.detector.shards, TIMEOUT, "r1")
        self.groups: dict[str, SenderGroup] = {}
        self.windows = Windows()

    def begin(self, *roles: str, version: int = 7, owner: str = OWNER) -> None:
        for role in roles:
            self.deadlines.watch(restarted(role, version), owner)

    def after(self, span: int, on: tuple[int, ...] = (0, 1)) -> list[Verdict]:
        """The verdicts at the end of a time that flows on these shards."""
        self.watch.flow(span, on)
        return self.deadlines.expired(self.group, self.windows)

    def group(self, owner: str) -> SenderGroup:
        return self.groups.setdefault(owner, SenderGroup(owner))

    def maintain(self, version: int, *scopes: str) -> None:
        until = datetime(2099, 1, 1, tzinfo=UTC)
        windows = Windows(version, {scope: Window(scope, until, until, "", "") for scope in scopes})
        self.deadlines.maintain(self.windows, windows)
        self.windows = windows


def roles(verdicts: list[Verdict]) -> list[str]:
    return [verdict.sender.name.rpartition(":")[2] for verdict in verdicts]


def test_a_verdict_says_what_was_waited_for_and_how_late_it_is() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    restarting.group(OWNER).hold = Hold(5)
    restarting.windows = Windows(3)
    assert restarting.after(TIMEOUT - 50 * MILLISECOND) == []
    [found] = restarting.after(150 * MILLISECOND)
    now = START + SECOND + TIMEOUT + 100 * MILLISECOND
    assert (found.sender, found.owner, found.hold_version) == (restarted(), OWNER, 5)
    assert (found.connection_id, found.attempt, found.restarting_since) == ("x", 0, 7)
    assert found.maintenance_version == 3
    evidence = found.evidence
    assert (evidence.last_heartbeat_at, evidence.timeout_seconds) == (None, 2.0)
    assert (evidence.decided_by, evidence.lateness_ms) == ("r1", 100.0)
    assert (evidence.watermark, evidence.deadline) == (moment(now), moment(now) - timedelta(milliseconds=100))


def test_a_deadline_is_over_at_its_time() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    [found] = restarting.after(TIMEOUT)
    assert found.evidence.lateness_ms == 0


def test_the_least_time_that_passed_on_a_shard_counts() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    assert restarting.after(10 * TIMEOUT, on=(1,)) == []
    assert roles(restarting.after(TIMEOUT)) == ["builder"]


def test_who_began_later_is_later() -> None:
    restarting = Restarting()
    restarting.begin("first")
    restarting.after(SECOND)
    restarting.begin("second")
    assert roles(restarting.after(SECOND)) == ["first"]
    assert roles(restarting.after(SECOND)) == ["second"]


def test_one_restart_has_one_deadline_and_one_verdict_and_another_restart_another() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    restarting.after(SECOND)
    restarting.begin("builder")
    [found] = restarting.after(SECOND)
    restarting.begin("builder")
    assert restarting.deadlines.is_pending(found)
    assert restarting.after(2 * TIMEOUT) == [], "it is on its way"
    restarting.begin("builder", version=9)
    assert not restarting.deadlines.is_pending(found)
    assert restarting.after(TIMEOUT - 50 * MILLISECOND) == []
    restarting.begin("builder", version=11)
    assert restarting.after(50 * MILLISECOND) == [], "that one ended before its time"
    [again] = restarting.after(TIMEOUT - 50 * MILLISECOND)
    assert again.restarting_since == 11


def test_everyone_who_is_restarted_is_named_also_with_a_verdict_on_its_way() -> None:
    restarting = Restarting()
    assert restarting.deadlines.names == frozenset()
    restarting.begin("first")
    [found] = restarting.after(TIMEOUT)
    restarting.begin("second")
    assert restarting.deadlines.names == {"agent:c1:first", "agent:c1:second"}
    restarting.deadlines.forget("agent:c1:first")
    restarting.deadlines.forget("agent:c1:second")
    restarting.deadlines.forget("agent:c1:nobody")
    assert restarting.deadlines.names == frozenset()
    assert not restarting.deadlines.is_pending(found)


@pytest.mark.parametrize("anew", [0, 1])
def test_a_shard_that_begins_anew_gives_a_full_timeout_on_it_and_takes_nothing_on_others(anew: int) -> None:
    restarting, other = Restarting(), 1 - anew
    restarting.begin("judged")
    [found] = restarting.after(TIMEOUT)
    restarting.begin("waiting")
    restarting.after(SECOND)
    shard = restarting.watch.detector.shards[anew]
    restarting.watch.detector.begin(shard, "e2", restarting.watch.sequence + 1)
    restarting.deadlines.begin(anew)
    assert not restarting.deadlines.is_pending(found)
    restarting.watch.flow(50 * MILLISECOND)  # the new stream is seen to flow
    assert restarting.after(TIMEOUT - 50 * MILLISECOND, on=(anew,)) == [], (
        "not a whole timeout on the new shard"
    )
    assert roles(restarting.after(50 * MILLISECOND, on=(anew,))) == ["judged"], "the other shard stood still"
    assert roles(restarting.after(TIMEOUT, on=(other,))) == ["waiting"]


def test_who_is_covered_by_maintenance_is_not_judged_and_has_a_full_timeout_after_it() -> None:
    restarting = Restarting()
    restarting.begin("covered", "other")
    restarting.after(SECOND)
    restarting.maintain(1, "daemon:d-covered")
    assert roles(restarting.after(10 * SECOND)) == ["other"]
    restarting.maintain(2)
    assert restarting.after(TIMEOUT - 50 * MILLISECOND) == []
    [found] = restarting.after(50 * MILLISECOND)
    assert (roles([found]), found.maintenance_version) == (["covered"], 2)


def test_a_verdict_on_its_way_is_forgotten_when_its_agent_comes_under_maintenance() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    [found] = restarting.after(TIMEOUT)
    restarting.maintain(1, "daemon:d9")
    assert restarting.deadlines.is_pending(found), "another daemon's"
    restarting.maintain(2, "daemon:d9", f"owner:{OWNER}")
    assert not restarting.deadlines.is_pending(found)
    restarting.maintain(3)
    assert roles(restarting.after(TIMEOUT)) == ["builder"]


def test_who_begins_to_be_restarted_under_maintenance_is_not_judged() -> None:
    restarting = Restarting()
    restarting.maintain(1, "all")
    restarting.begin("builder")
    assert restarting.after(10 * SECOND) == []


def test_no_owner_s_hold_or_decision_keeps_the_verdicts_of_others() -> None:
    restarting = Restarting()
    restarting.begin("held")
    restarting.begin("free", owner="bob")
    group = restarting.group(OWNER)
    group.deciding = True
    assert roles(restarting.after(TIMEOUT)) == ["free"]
    group.deciding, group.hold = False, Hold(1, held=True)
    assert restarting.after(SECOND) == []
    group.hold = Hold(2)
    assert roles(restarting.after(0)) == ["held"]


def test_a_declined_verdict_comes_again_after_another_timeout_as_another_attempt() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    [found] = restarting.after(TIMEOUT)
    restarting.deadlines.resolve(found)
    restarting.deadlines.resolve(found)
    assert restarting.after(TIMEOUT - 50 * MILLISECOND) == []
    [again] = restarting.after(50 * MILLISECOND)
    assert again.attempt == 1
    restarting.deadlines.resolve(again)
    [third] = restarting.after(TIMEOUT)
    assert third.attempt == 2


def test_a_verdict_that_met_a_hold_is_given_again_at_once_before_those_of_later_restarts() -> None:
    restarting = Restarting()
    restarting.begin("first")
    [found] = restarting.after(TIMEOUT)
    restarting.begin("second")
    restarting.deadlines.reconsider(found)
    restarting.deadlines.reconsider(found)
    assert not restarting.deadlines.is_pending(found)
    [again] = restarting.after(0)
    assert replace(again, evidence=found.evidence) == found
    assert roles(restarting.after(TIMEOUT)) == ["second"]


def test_an_answer_to_a_verdict_that_is_not_pending_any_more_changes_nothing() -> None:
    restarting = Restarting()
    restarting.begin("builder")
    [found] = restarting.after(TIMEOUT)
    restarting.begin("builder", version=9)
    restarting.after(SECOND)
    for answer in (restarting.deadlines.resolve, restarting.deadlines.reconsider):
        answer(found)
    [again] = restarting.after(SECOND)
    assert (again.restarting_since, again.attempt) == (9, 0)
    restarting.deadlines.resolve(found)
    assert restarting.deadlines.is_pending(again), "that was an answer to another one"
