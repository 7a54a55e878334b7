"""Whom nobody asks for progress does not stand still: who is quiet, waits, is maintained, or does not work."""

from datetime import UTC, datetime

import pytest
from makima_schemas.agent import AgentJoined, AgentStatus, AgentStatusChanged
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.heartbeat_codec import Address
from makima_schemas.silence import MaintenanceEnded, MaintenanceStarted
from makima_supervisor_heartbeat.domain.progress_watch import SECOND, StuckLimits, ends

from tests.services.supervisor_heartbeat.messages import address
from tests.services.supervisor_heartbeat.progress_story import AGENT, SUPERVISOR, S, Story

LATE = datetime(2030, 1, 1, tzinfo=UTC)
MADE = e.TaskCreated("x", "x", "plan")
PAUSED, RESUMED = e.ContractPaused(None, ContractStatus.ACTIVE), e.ContractResumed(ContractStatus.ACTIVE)


def test_a_quiet_time_is_no_standing_still_and_ends_with_the_next_heartbeat_without_it() -> None:
    hour = 3600 * SECOND
    assert not Story().hear(0, quiet_ns=hour).beats(3600, 4170).found
    assert Story().hear(0, quiet_ns=hour).beats(3600, 4200).found == [("stuck", 4200)]
    assert Story().hear(0, quiet_ns=hour).beats(300, 900).found == [("stuck", 900)]
    assert Story().hear(0, quiet_ns=99 * hour).hear(4 * 3600 + 599).found == []


def test_a_quiet_time_that_a_later_heartbeat_announces_counts_from_then_and_no_longer_than_it_may() -> None:
    hour = 3600 * SECOND
    assert not Story().beats(0, 30).hear(60, quiet_ns=hour).beats(3660, 4230).found
    assert Story().beats(0, 30).hear(60, quiet_ns=hour).beats(3660, 4260).found == [("stuck", 4260)]
    longest = 60 + 4 * 3600
    assert not Story().beats(0, 30).hear(60, quiet_ns=99 * hour).hear(longest + 599, quiet_ns=1).found
    late = longest + 600
    assert Story().beats(0, 30).hear(60, quiet_ns=99 * hour).hear(late).found == [("stuck", late)]
    assert Story().hear(0, quiet_ns=99 * hour).hear(4 * 3600 + 600).found == [("stuck", 4 * 3600 + 600)]
    assert StuckLimits() == StuckLimits(600 * 10**9, 14_400 * 10**9)


def test_a_heartbeat_at_the_end_of_a_quiet_time_changes_no_column() -> None:
    """So that what is written of its progress is made anew only where it changed."""
    story = Story().hear(0, quiet_ns=60 * SECOND)
    progress_state = story.senders.of(AGENT).progress_state
    assert progress_state is not None
    for at, kept in ((60, "both times"), (59, "")):
        progress_state.columns = "both times"
        assert story.hear(at).senders.of(AGENT).progress_state is progress_state
        assert (at, progress_state.columns) == (at, kept)


@pytest.mark.parametrize(
    ("waits", "goes_on"),
    [
        (PAUSED, RESUMED),
        (e.ContractBlocked("no key"), e.ContractUnblocked(ContractStatus.ACTIVE)),
        (e.InputAwaited("question"), e.InputReceived()),
    ],
)
@pytest.mark.parametrize("sender", [AGENT, SUPERVISOR])
def test_in_a_contract_that_waits_nobody_is_stuck(sender: Address, waits: object, goes_on: object) -> None:
    story = Story().beats(0, 30, sender=sender).logged(40, waits).beats(60, 1800, sender=sender)
    story.logged(1805, goes_on).beats(1830, 2370, sender=sender)
    assert not story.found
    assert story.beats(2400, 2430, sender=sender).found == [("stuck", 2430)]


def test_a_wait_that_ends_early_counts_too() -> None:
    story = Story().logged(1, PAUSED).beats(0, 540).logged(560, RESUMED).beats(570, 1140)
    assert not story.found
    assert story.hear(1170).found == [("stuck", 1170)]


@pytest.mark.parametrize("scope", ["all", "owner:ada", "daemon:d1", "contract:c1"])
@pytest.mark.parametrize("last", [580, 1500])
def test_in_maintenance_nobody_is_stuck_and_after_it_all_the_time_begins_anew(scope: str, last: int) -> None:
    story = Story().beats(0, 30).maintenance(40, MaintenanceStarted(scope, LATE, "updates")).beats(60, last)
    story.maintenance(last + 5, MaintenanceEnded(scope, "request")).beats(last + 30, last + 600)
    assert not story.found
    assert story.hear(last + 610).found == [("stuck", last + 610)]


@pytest.mark.parametrize(("daemon", "found"), [("d1", [("stuck", 600)]), ("d2", [])])
def test_maintenance_of_the_daemon_that_an_agent_runs_on_covers_it(
    daemon: str, found: list[tuple[str, float]]
) -> None:
    elsewhere, story = (
        address("makima.shards.3.agent.d2.c1.builder"),
        Story(),
    )  # its contract's supervisor is on d1
    joined = AgentJoined("c1", "builder", "b", "d2")
    works = AgentStatusChanged("c1", "builder", AgentStatus.READY, AgentStatus.WORKING, "reported", "b")
    for version, event in enumerate((joined, works), 3):
        story.senders.apply_event(elsewhere.sender, elsewhere.entity_id, event, version + 1, version)
    story.maintenance(1, MaintenanceStarted(f"daemon:{daemon}", LATE, "updates"))
    assert story.beats(0, 1200, sender=elsewhere, connection_id="b").found == found


def test_each_of_two_maintenances_that_ended_lately_counts_for_those_whom_it_covered() -> None:
    story = Story().beats(0, 30)
    for scope in ("daemon:d1", "owner:bob"):
        story.maintenance(40, MaintenanceStarted(scope, LATE, "updates"))
    story.maintenance(300, MaintenanceEnded("daemon:d1", "request"))
    story.maintenance(400, MaintenanceEnded("owner:bob", "request"))
    assert story.beats(60, 900).found == [("stuck", 900)]


def test_a_maintenance_is_remembered_for_as_long_as_it_bears_on_somebody() -> None:
    assert ends({"all": 10, "owner:bob": 11}, "daemon:d1", 40, 30) == {"owner:bob": 11, "daemon:d1": 40}
    assert ends({"all": 10}, "all", 30, 30) == {"all": 30}


@pytest.mark.parametrize("scope", ["owner:bob", "daemon:d2", "contract:c2"])
def test_maintenance_of_others_changes_nothing(scope: str) -> None:
    story = Story().maintenance(1, MaintenanceStarted(scope, LATE, "updates")).beats(0, 600)
    assert story.found == [("stuck", 600)]


def test_after_a_new_log_no_maintenance_of_the_old_one_is_remembered() -> None:
    story = Story().maintenance(1, MaintenanceStarted("all", LATE, "updates")).beats(0, 270)
    story.maintenance(280, MaintenanceEnded("all", "request"))
    story.senders.progress.forget()
    assert story.beats(300, 600).found == [("stuck", 600)]


def test_only_who_works_is_judged() -> None:
    ready = AgentStatusChanged("c1", "builder", AgentStatus.WORKING, AgentStatus.READY, "tasks_done", "a")
    story = Story()
    story.senders.apply_event(AGENT.sender, AGENT.entity_id, ready, 4, 3)
    story.beats(0, 1200)
    for state in (S.IDLE, S.WAITING_FOR_USER, S.WAITING_FOR_TASKS, S.BLOCKED):
        assert not Story().beats(0, 1200, sender=SUPERVISOR, state=state).found
    assert not story.found
    works = AgentStatusChanged("c1", "builder", AgentStatus.READY, AgentStatus.WORKING, "reported", "a")
    story.senders.apply_event(AGENT.sender, AGENT.entity_id, works, 5, 4)
    assert story.beats(1230, 1830).found == [("stuck", 1830)]


def test_in_a_new_stream_of_heartbeats_standing_still_begins_anew() -> None:
    """What was told before is not compared: nobody knows what was lost in between."""
    story = Story().beats(0, 300)
    story.senders.begin("e2")
    assert story.beats(330, 930).found == [("stuck", 930)]
