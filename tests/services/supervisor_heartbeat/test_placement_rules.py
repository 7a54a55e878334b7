"""Which contracts are wanted, and which daemon is asked for one (agents.md, Assignment), as tables."""

from dataclasses import replace

import pytest
from makima_schemas.assignment import Admission
from makima_schemas.codec import Event
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from makima_supervisor_heartbeat.domain.cooldowns import COOLDOWN_SECONDS, Cooldowns
from makima_supervisor_heartbeat.domain.placement import (
    Candidate,
    Drive,
    Wanted,
    ask_whom,
    evolve,
)
from makima_supervisor_heartbeat.handlers.handed_out import handed_out

from tests.contracts_in_the_log import CREATED

S = SupervisorState
STARTED, PLACED = e.ContractStarted(), e.ContractAssigned("d1", "placed", "x1", "t1")
REGISTERED = SupervisorRegistered("c1", "d1", "x1", S.WORKING, "plan")
ADA = Wanted("default", "c1", "simple", "plan", "ada", 7, None, heard=False, known=False, holder=None)
BIG, SMALL, FULL = (Candidate(name, None, free) for name, free in (("big", 9), ("small", 2), ("full", 0)))


def changed(before: S, after: S) -> SupervisorStateChanged:
    return SupervisorStateChanged("c1", "d1", "x1", before, after, "plan", "heartbeat")


def folded(*events: tuple[str, Event]) -> Drive | None:
    drive: Drive | None = None
    for position, (entity_id, event) in enumerate(events, start=1):
        drive = evolve(drive, event, entity_id, position)
    return drive


OWN = [("c1", CREATED), ("c1", STARTED)]


@pytest.mark.parametrize(
    ("events", "task_id", "state", "wanted_at"),
    [
        (OWN, None, None, 1),
        ([*OWN, ("c1", PLACED)], "t1", None, 1),
        ([*OWN, ("c1", e.ContractPaused(None, ContractStatus.ACTIVE)), ("c1", e.ContractResumed(ContractStatus.ACTIVE))], None, None, 1),
        ([*OWN, ("t1", REGISTERED)], "t1", S.WORKING, None),
        ([*OWN, ("t1", REGISTERED), ("t1", changed(S.WORKING, S.INTERRUPTED))], "t1", S.INTERRUPTED, 4),
        # Of one that was replaced only the end is still to come.
        ([*OWN, ("t1", REGISTERED), ("t2", REGISTERED), ("t1", changed(S.WORKING, S.INTERRUPTED))], "t2", S.WORKING, None),
        ([*OWN, ("t1", REGISTERED), ("t1", changed(S.WORKING, S.COMPLETED))], "t1", S.COMPLETED, None),
        # It said that it was done, and there is more to do.
        ([*OWN, ("t1", REGISTERED), ("t1", changed(S.WORKING, S.COMPLETED)), ("c1", e.ContractCompleted("request")),
          ("c1", e.ContractReopened("a bug", ContractStatus.ACTIVE))], "t1", None, 6),
    ],
)  # fmt: skip
def test_a_contract_is_wanted_while_nobody_drives_it(
    events: list[tuple[str, Event]], task_id: str | None, state: S | None, wanted_at: int | None
) -> None:
    drive = folded(*events)
    assert drive is not None
    assert (drive.task_id, drive.state, drive.wanted_at) == (task_id, state, wanted_at)


def test_a_deleted_contract_is_wanted_no_more_and_an_unknown_one_never() -> None:
    assert folded(*OWN, ("c1", e.ContractDeleted())) is None
    assert folded(("t1", REGISTERED)) is None


@pytest.mark.parametrize(
    ("wanted", "daemons", "passed", "asked"),
    [
        (ADA, [SMALL, BIG, FULL], (), "big"),
        (ADA, [SMALL, BIG, FULL], ("big",), "small"),
        (ADA, [SMALL, BIG, FULL], ("big", "small"), None),
        (ADA, [FULL], (), None),
        (ADA, [], (), None),
        (ADA, [Candidate("b", None, 1), Candidate("a", None, 1)], (), "a"),
        (ADA, [Candidate("bobs", Admission("bob"), 9), Candidate("adas", Admission("ada"), 1)], (), "adas"),
        (ADA, [Candidate("anyones", Admission(None), 1)], (), "anyones"),
        # It may have accepted, and nobody recorded it; then it counts the agent as one that it has.
        (replace(ADA, asked_daemon="full"), [BIG, FULL], (), "full"),
        (replace(ADA, asked_daemon="full"), [BIG, FULL], ("full",), "big"),
        (replace(ADA, asked_daemon="gone"), [BIG], (), "big"),
        # It was given to one that does not start it.
        (replace(ADA, holder="full"), [BIG, FULL], (), "full"),
        (replace(ADA, holder="full"), [BIG, FULL], ("full",), "big"),
        (replace(ADA, holder="gone"), [BIG], (), "big"),
        # It was heard: its own daemon starts it again unasked; another one restores it.
        (replace(ADA, holder="full", heard=True), [BIG, FULL], (), None),
        (replace(ADA, holder="gone", heard=True), [BIG], (), "big"),
    ],
)  # fmt: skip
def test_the_daemon_with_most_free_capacity_that_serves_the_owner_is_asked_first(
    wanted: Wanted, daemons: list[Candidate], passed: tuple[str, ...], asked: str | None
) -> None:
    assert ask_whom(wanted, daemons, passed) == asked


def test_what_is_handed_out_is_the_same_for_whoever_asks_and_another_for_another_daemon() -> None:
    assert handed_out(ADA, "d1") == handed_out(ADA, "d1")
    assert handed_out(ADA, "d1").task_id == handed_out(ADA, "d2").task_id
    assert handed_out(ADA, "d1").connection_id != handed_out(ADA, "d2").connection_id


def test_who_refused_is_passed_over_for_one_contract_and_who_is_silent_for_all_until_the_time_is_over() -> (
    None
):
    cooldowns = Cooldowns()
    cooldowns.note("c1", "full", 0.0, answered=True)
    cooldowns.note("c1", "mute", 5.0, answered=False)
    assert (cooldowns.of("c1", 6.0), cooldowns.of("c2", 6.0)) == ({"full", "mute"}, {"mute"})
    cooldowns.prune(COOLDOWN_SECONDS)
    assert cooldowns.refused == {"c1": {"mute": 5.0 + COOLDOWN_SECONDS}}
    assert cooldowns.of("c1", COOLDOWN_SECONDS) == {"mute"}
    cooldowns.prune(5.0 + COOLDOWN_SECONDS)
    assert cooldowns == Cooldowns()
