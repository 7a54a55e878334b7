"""What maintenance holds back, and what everyone has after it; on two shards that the test lets flow."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from makima_kernel.testing import scenario
from makima_schemas.agent import AgentStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.maintenance import Window, Windows
from makima_schemas.planned_maintenance import Plan, Plans
from makima_schemas.silence import (
    BeginMaintenance,
    EndMaintenance,
    MaintenanceEnded,
    MaintenancePlanned,
    MaintenanceStarted,
    OpenMaintenance,
    PlanMaintenance,
    StartMaintenance,
)
from makima_stale_detector.domain.maintenance import MAX_WINDOWS, MaintenanceDecider
from makima_stale_detector.domain.members.sender import Sender
from makima_stale_detector.domain.shards.observed_clock import SECOND
from makima_stale_detector.domain.verdicts.verdict import moment

from tests.services.stale_detector.flowing_detector import START, TIMEOUTS, Watch, named

UNTIL = datetime(2030, 1, 1, tzinfo=UTC)


def windows(version: int, *scopes: str, until: datetime = UNTIL) -> Windows:
    opened: Mapping[str, Window] = {
        scope: Window(scope, until - timedelta(hours=1), until, "new disk", "admin:local") for scope in scopes
    }
    return Windows(version, opened)


def test_nobody_in_the_scope_is_judged_and_everybody_else_is() -> None:
    for scope, spared in (
        ("all", {0, 1, 2, 3}),
        ("owner:ada", {0, 1}),
        ("daemon:d2", {2}),
        ("contract:c3", {3}),
        ("owner:nobody", set[int]()),
    ):
        watch = Watch()
        watch.track(0, 1, owner="ada")
        watch.track(2, 3, owner="bob")
        watch.detector.maintain(windows(1, scope))
        found = watch.flow(3 * TIMEOUTS.timeout)
        judged = {f"supervisor:t{number}" for number in {0, 1, 2, 3} - spared}
        assert named(found.verdicts) == sorted(judged), scope


def test_after_it_everyone_has_a_full_timeout_and_the_verdict_tells_the_last_heartbeat() -> None:
    watch = Watch()
    watch.track(1)
    watch.hear(1)
    heard = watch.sequence
    watch.detector.maintain(windows(1, "all"))
    # Past one deadline, and almost at the next one: what is left of a timeout when it ends does not count.
    assert watch.flow(2 * TIMEOUTS.timeout - SECOND // 2).verdicts == []
    watch.detector.maintain(windows(2))
    assert watch.flow(TIMEOUTS.timeout - SECOND // 2).verdicts == []
    [verdict] = watch.flow(SECOND).verdicts
    assert (verdict.evidence.stream_sequence, verdict.maintenance_version) == (heard, 2)


def test_a_suspect_that_waits_when_it_begins_waits_on() -> None:
    watch = Watch()
    watch.track(1)
    watch.flow(TIMEOUTS.timeout + SECOND, on=[0])  # one shard was read past the deadline, the other was not
    watch.detector.maintain(windows(1, "contract:c1"))
    assert watch.flow(2 * TIMEOUTS.timeout).verdicts == []


def test_a_verdict_on_its_way_when_it_began_and_ended_is_given_a_full_timeout_later() -> None:
    watch = Watch()
    verdict = watch.asked()
    watch.detector.maintain(windows(1, "all"))
    watch.detector.maintain(windows(2))
    assert not watch.detector.is_pending(verdict)
    watch.detector.reconsider(verdict)
    assert watch.flow(TIMEOUTS.timeout - SECOND // 2).verdicts == []
    [again] = watch.flow(SECOND).verdicts
    assert again.maintenance_version == 2


def test_a_window_moved_to_another_scope_spares_only_that_one() -> None:
    watch = Watch()
    watch.track(0, 1)
    watch.detector.maintain(windows(1, "contract:c0"))
    watch.detector.maintain(windows(2, "contract:c1"))
    assert named(watch.flow(2 * TIMEOUTS.timeout).verdicts) == ["supervisor:t0"]


def test_machines_under_maintenance_tell_nothing_about_an_outage_of_ours() -> None:
    """Twenty that are switched off are no mass, and one that dies beside them is found."""
    watch = Watch()
    watch.track(*range(21))
    watch.detector.maintain(windows(1, *(f"contract:c{number}" for number in range(20))))
    found = watch.flow(2 * TIMEOUTS.timeout)
    assert (named(found.verdicts), found.hold_requests) == (["supervisor:t20"], [])


def test_those_beside_it_are_a_mass_by_themselves() -> None:
    watch = Watch()
    watch.track(*range(32))
    watch.detector.maintain(windows(1, *(f"contract:c{number}" for number in range(20))))
    found = watch.flow(2 * TIMEOUTS.timeout)
    assert found.verdicts == []
    assert found.hold_requests != []


def test_a_restart_is_not_judged_meanwhile_and_has_a_full_deadline_after_it() -> None:
    watch = Watch()
    watch.flow(SECOND)
    for number in (1, 2):
        name, status = f"agent:c{number}:builder", AgentStatus.RESTARTING
        restarted = Sender(name, False, 1, f"c{number}", "d1", "x", (), status, status_version=7)
        watch.detector.restarts.watch(restarted, "ada")
    watch.detector.maintain(windows(1, "contract:c1"))
    [other] = watch.flow(TIMEOUTS.restart_timeout + SECOND).verdicts
    assert (other.sender.name, other.maintenance_version) == ("agent:c2:builder", 1)
    watch.detector.maintain(windows(2))
    assert watch.flow(TIMEOUTS.restart_timeout - SECOND).verdicts == []
    [found] = watch.flow(2 * SECOND).verdicts
    assert (found.sender.name, found.maintenance_version) == ("agent:c1:builder", 2)


def test_it_is_over_on_the_clock_of_the_heartbeats_that_were_read() -> None:
    watch = Watch()
    watch.flow(SECOND)
    watch.detector.maintain(windows(1, "all", until=moment(START + 5 * SECOND)))
    assert watch.detector.tick().maintenance_over == []
    watch.flow(3 * SECOND)
    assert watch.detector.tick().maintenance_over == []
    watch.flow(2 * SECOND)
    assert [window.scope for window in watch.detector.tick().maintenance_over] == ["all"]


def test_a_planned_one_spares_nobody_until_it_has_begun() -> None:
    watch = Watch()
    watch.track(1)
    begins, until = moment(START + 5 * SECOND), moment(START + 60 * SECOND)
    plan = Plan("all", begins, until, "new disk", "admin:local", begins - timedelta(hours=1))
    watch.detector.plans = Plans(1, {"all": plan})
    watch.flow(3 * SECOND)
    assert watch.detector.tick().maintenance_begins == []
    assert named(watch.flow(3 * SECOND).verdicts) == ["supervisor:t1"]
    found = watch.detector.tick()
    assert (found.maintenance_begins, found.maintenance_missed) == ([plan], [])
    watch.flow(60 * SECOND)
    found = watch.detector.tick()
    assert (found.maintenance_begins, found.maintenance_missed) == ([], [plan]), "nobody began it in time"


given = scenario(MaintenanceDecider())
STARTED = MaintenanceStarted("all", UNTIL, "new disk")
LATER = UNTIL + timedelta(hours=1)


def test_it_is_started_once_prolonged_and_ended_once() -> None:
    start = StartMaintenance("all", UNTIL, "new disk")
    given().when(start).then(STARTED)
    given(STARTED).when(start).then_nothing()
    given(STARTED).when(StartMaintenance("all", LATER, "new disk")).then(
        MaintenanceStarted("all", LATER, "new disk")
    )
    given(STARTED).when(EndMaintenance("all")).then(MaintenanceEnded("all", "request"))
    given(STARTED).when(EndMaintenance("owner:ada")).then_nothing()
    given().when(EndMaintenance("all")).then_nothing()


def test_one_that_is_opened_takes_the_place_of_none() -> None:
    given().when(OpenMaintenance("all", UNTIL, "new disk")).then(STARTED)
    given(STARTED).when(OpenMaintenance("all", UNTIL, "new disk")).then_nothing()
    taken = given(STARTED).when(OpenMaintenance("all", LATER, "mine")).then_refused(ErrorCode.CONFLICT)
    assert "new disk" in taken.detail
    given(STARTED, MaintenanceEnded("all", "until")).when(OpenMaintenance("all", LATER, "mine")).then(
        MaintenanceStarted("all", LATER, "mine")
    )


def test_a_detector_ends_it_only_if_its_time_is_still_that_one() -> None:
    prolonged = MaintenanceStarted("all", LATER, "new disk")
    given(STARTED).when(EndMaintenance("all", UNTIL)).then(MaintenanceEnded("all", "until"))
    given(STARTED, prolonged).when(EndMaintenance("all", UNTIL)).then_nothing()


def test_what_was_ended_is_over_and_makes_room_and_other_windows_stay() -> None:
    other = MaintenanceStarted("owner:ada", LATER, "y")
    ended = given(STARTED, other, MaintenanceEnded("all", "request"))
    assert ended.state == {"owner:ada": (LATER, "y", None)}
    ended.when(EndMaintenance("all")).then_nothing()
    ended.when(StartMaintenance("all", UNTIL, "new disk")).then(STARTED)


def test_windows_are_bounded_and_one_that_is_open_can_still_be_changed() -> None:
    many = [MaintenanceStarted(f"contract:c{number}", UNTIL, "x") for number in range(MAX_WINDOWS)]
    full = given(*many).when(StartMaintenance("all", UNTIL, "x")).then_refused(ErrorCode.INVALID_REQUEST)
    assert full.detail == "100 maintenance windows are open"
    given(*many).when(StartMaintenance("contract:c1", LATER, "x")).then(
        MaintenanceStarted("contract:c1", LATER, "x")
    )


BEGINS = UNTIL - timedelta(hours=2)
PLANNED = MaintenancePlanned("all", BEGINS, UNTIL, "new disk")
PLAN = PlanMaintenance("all", BEGINS, UNTIL, "new disk")


def test_one_that_is_planned_begins_once_if_the_plan_is_still_that_one() -> None:
    begin = BeginMaintenance("all", BEGINS, UNTIL)
    given().when(PLAN).then(PLANNED)
    given(PLANNED).when(PLAN).then_nothing()
    given(PLANNED).when(begin).then(STARTED)
    for after in ((), (STARTED,), (PLANNED, STARTED), (PLANNED, MaintenanceEnded("all", "request"))):
        given(*after).when(begin).then_nothing()
    for other in (
        MaintenancePlanned("all", BEGINS + timedelta(hours=1), UNTIL, "new disk"),
        MaintenancePlanned("all", BEGINS, LATER, "new disk"),
    ):
        given(PLANNED, other).when(begin).then_nothing()


def test_a_plan_takes_the_place_of_another_plan_only_where_that_is_meant_and_of_an_open_window_never() -> (
    None
):
    other = PlanMaintenance("all", BEGINS, LATER, "mine")
    taken = given(PLANNED).when(other).then_refused(ErrorCode.CONFLICT)
    assert taken.detail.startswith("a maintenance of all is planned from 2029-12-31T22:00:00")
    replacing = PlanMaintenance("all", BEGINS, LATER, "mine", replaces=True)
    given(PLANNED).when(replacing).then(MaintenancePlanned("all", BEGINS, LATER, "mine"))
    for plan in (other, replacing):
        assert "is under maintenance" in given(STARTED).when(plan).then_refused(ErrorCode.CONFLICT).detail
    given(PLANNED).when(OpenMaintenance("all", UNTIL, "new disk")).then_refused(ErrorCode.CONFLICT)
    given(PLANNED).when(StartMaintenance("all", UNTIL, "new disk")).then(STARTED)
    given(PLANNED).when(EndMaintenance("all")).then(MaintenanceEnded("all", "request"))
    given(PLANNED).when(EndMaintenance("all", UNTIL)).then(MaintenanceEnded("all", "until"))


def test_plans_count_among_the_windows_that_are_bounded() -> None:
    many = [MaintenancePlanned(f"contract:c{number}", BEGINS, UNTIL, "x") for number in range(MAX_WINDOWS)]
    given(*many).when(PLAN).then_refused(ErrorCode.INVALID_REQUEST)
    changed = PlanMaintenance("contract:c1", BEGINS, LATER, "x", replaces=True)
    given(*many).when(changed).then(MaintenancePlanned("contract:c1", BEGINS, LATER, "x"))
