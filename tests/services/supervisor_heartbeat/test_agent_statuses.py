"""agents.md, Agent status: the table as it is written there, held against the one that the code runs on."""

from typing import Final

import pytest
from makima_schemas.agent import AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStep
from makima_schemas.errors import ErrorCode
from makima_supervisor_heartbeat.domain.agents.statuses import FOUND, LIFECYCLE, REPORTS, trigger_of
from makima_supervisor_heartbeat.domain.agents.triggers import Join

from tests.services.supervisor_heartbeat.agent_states import ASKS, STORIES, given

S = AgentStatus
NOTHING: Final = "nothing"
NO_RECORD: Final = "none"

# Transcribed from the page, by hand: what is asked, the statuses in which it leads on, where to, and by which trigger.
ROWS: Final = (
    ("join", "none dead restarting dead_failed_revive offline", S.READY, "join"),
    ("join", "ready working", NOTHING, ""),  # it is in force already
    ("join, holding tasks", "dead restarting dead_failed_revive offline", S.WORKING, "join"),
    ("join, holding tasks", "none", S.READY, "join"),
    ("join, holding tasks", "ready working", NOTHING, ""),
    ("join anew", "none ready working dead restarting dead_failed_revive offline", S.READY, "join"),
    ("task taken", "ready", S.WORKING, "task_taken"),
    ("task taken", "none working dead restarting dead_failed_revive offline", NOTHING, ""),
    ("tasks done", "working", S.READY, "tasks_done"),
    ("tasks done", "none ready dead restarting dead_failed_revive offline", NOTHING, ""),
    ("silent", "ready working", S.DEAD, "heartbeat_expired"),
    ("silent", "none dead restarting dead_failed_revive offline", NOTHING, ""),
    ("leave", "ready working restarting dead dead_failed_revive", S.OFFLINE, "leave"),
    ("leave", "offline", NOTHING, ""),
    ("restart", "ready working dead dead_failed_revive offline", S.RESTARTING, "restart_initiated"),
    ("restart expired", "restarting", S.DEAD, "restart_expired"),
    ("restart expired", "none ready working dead dead_failed_revive offline", NOTHING, ""),
    ("clean up", "dead dead_failed_revive", S.OFFLINE, "cleanup"),
    ("clean up", "none ready working restarting offline", NOTHING, ""),
    ("report ready", "working", S.READY, "reported"),
    ("report ready", "ready", NOTHING, ""),
    ("report working", "ready", S.WORKING, "reported"),
    ("report working", "working", NOTHING, ""),
    ("report dead", "none ready working", S.DEAD, "heartbeat_expired"),
    ("report dead", "restarting", S.DEAD, "restart_expired"),
    ("report dead", "dead", NOTHING, ""),
    ("report restarting", "none ready working dead dead_failed_revive offline", S.RESTARTING, "restart_initiated"),
    ("report restarting", "restarting", NOTHING, ""),
    ("report dead_failed_revive", "none restarting", S.DEAD_FAILED_REVIVE, "restart_exhausted"),
    ("report dead_failed_revive", "dead_failed_revive", NOTHING, ""),
    ("report offline", "ready working restarting dead dead_failed_revive", S.OFFLINE, "leave"),
    ("report offline", "offline", NOTHING, ""),
)  # fmt: skip
PAGE: Final = {
    (asked, None if name == NO_RECORD else S(name)): (there, trigger)
    for asked, statuses, there, trigger in ROWS
    for name in statuses.split()
}


def what_happens(asked: str, status: AgentStatus | None) -> tuple[object, str]:
    outcome = given(*STORIES[status]).when(ASKS[asked])
    if outcome.refused is not None:
        return outcome.refused.code, ""
    match outcome.events:
        case [AgentJoined(new_status=new)]:
            return new, "join"
        case [AgentLeft()]:
            return S.OFFLINE, "leave"
        case [AgentStatusChanged(new_status=new, trigger=trigger)]:
            return new, trigger
        case events:
            assert not events
            return NOTHING, ""


@pytest.mark.parametrize("status", [None, *S])
@pytest.mark.parametrize("asked", ASKS)
def test_each_command_in_each_status_does_what_the_page_says(asked: str, status: AgentStatus | None) -> None:
    refused = ErrorCode.PARTICIPANT_NOT_FOUND if status is None else ErrorCode.INVALID_TRANSITION
    assert what_happens(asked, status) == PAGE.get((asked, status), (refused, ""))


@pytest.mark.parametrize("status", S)
def test_each_event_names_the_status_before_it_and_leads_where_it_says(status: AgentStatus) -> None:
    for ask in ASKS.values():
        outcome = given(*STORIES[status]).when(ask)
        for event in outcome.events:
            assert isinstance(event, AgentStep)
            assert event.old_status is status
            assert LIFECYCLE.destination(status, event) is outcome.after.status


@pytest.mark.parametrize("status", [None, *S])
def test_the_table_has_a_join_in_every_status_and_where_there_is_no_record(
    status: AgentStatus | None,
) -> None:
    row = LIFECYCLE.allowed(status, Join)
    assert row is not None
    assert row.destinations == (S.READY, S.WORKING)


def test_every_row_of_the_table_has_a_trigger_or_an_event_of_its_own() -> None:
    changing = [
        (status, command)
        for row in LIFECYCLE.rows
        if row.records is AgentStatusChanged
        for status in row.while_
        for command in row.commands
    ]
    assert len({trigger_of(*each) for each in changing}) == 8
    assert set(LIFECYCLE.commands) >= {*REPORTS.values(), *FOUND}


# `allowed` of a refusal: where else some row leads from there.
ALLOWED: Final = {
    S.OFFLINE: "ready working restarting",
    S.DEAD: "offline ready working restarting",
    S.DEAD_FAILED_REVIVE: "offline ready working restarting",
    S.READY: "offline dead working restarting",
    S.WORKING: "offline dead ready restarting",
    S.RESTARTING: "offline dead dead_failed_revive ready working",
}


@pytest.mark.parametrize("status", S)
def test_a_refusal_says_where_it_could_go(status: AgentStatus) -> None:
    for asked in [name for name in ASKS if (name, status) not in PAGE]:
        refused = given(*STORIES[status]).when(ASKS[asked]).refused
        assert refused is not None
        assert refused.members["from"] == status
        assert refused.members["allowed"] == ALLOWED[status].split()
        aim = str(refused.members["to"])
        assert aim in f"{asked}ing"
        assert refused.detail == f"an agent that is {status} cannot become {aim}"
        assert refused.hint == ("join first" if aim in {S.READY, S.WORKING} else None)
