"""What the demo's person and its supervisors do, and why: rules over what they see, with no clock in them."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from makima_cli.demo.plan import MAX_TASK_ATTEMPTS, GiveUp, Try, are_done, next_steps
from makima_cli.demo.scenarios import MARK, SCENARIOS, STEPS, Step, number_after, numbered, scenario_of
from makima_cli.demo.user import DemoUser
from makima_cli.demo.user_policy import MAX_COMPLETED, MOST_ACTIVE, PATIENCE_SECONDS, Need, Seen, reaction
from makima_kernel.testing import eventually
from makima_local import ports
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.contract.model import TaskStatus
from makima_sdk import Contract, Http, Task
from makima_sdk.models import TaskCounts

from tests.sdk.http_server import server

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
LONG, SHORT = 1000.0, 1.0  # seconds
HURRIED = next(each.name for each in SCENARIOS if each.hurried)
SHELVED = next(each.name for each in SCENARIOS if each.shelved)


def contract(name: str, status: S, *, seconds: float = LONG, failed: int = 0) -> Contract:
    """Which has had its status for so long. Those of equal age are in the order of their names."""
    at = NOW - timedelta(seconds=seconds)
    return Contract(
        name, name, "simple", status, "plan", 1, at, at, phases=("plan", "execute"),
        blocked_reason="no credentials", tasks=TaskCounts(failed=failed),
    )  # fmt: skip


def need(kind: str, *, seconds: float = LONG, role: str | None = None) -> Need:
    return Need(kind, NOW - timedelta(seconds=seconds), "a", role)


BUSY = [contract(name, S.ACTIVE) for name in "jklmnopqrst"][:MOST_ACTIVE]
DONE = [contract(name, S.COMPLETED) for name in "xyz"][:MAX_COMPLETED]


@pytest.mark.parametrize(
    ("contracts", "does"),
    [
        ([contract("a", S.CREATED)], "start a"),
        ([contract("a", S.CREATED, seconds=SHORT)], None),
        ([contract("a", S.CREATED, seconds=2 * SHORT), contract("b", S.CREATED, seconds=SHORT)], "start a"),
        ([contract("a", S.CREATED), *BUSY], None),
        ([contract("a", S.BLOCKED)], None),
        ([contract("a", S.COMPLETING)], None),
        ([contract("a", S.ACTIVE, failed=MAX_TASK_ATTEMPTS)], "fail a"),
        ([contract("a", S.ACTIVE, failed=MAX_TASK_ATTEMPTS - 1)], None),
        ([contract(f"{HURRIED} #1", S.ACTIVE)], f"advance {HURRIED} #1"),
        ([contract(f"{HURRIED} #1", S.ACTIVE, seconds=SHORT)], None),
        ([contract(f"{HURRIED} #2", S.ACTIVE)], None),
        ([contract(f"{SHELVED} #1", S.ACTIVE)], f"pause {SHELVED} #1"),
        ([contract("a", S.PAUSED)], "resume a"),
        ([contract("a", S.PAUSED, seconds=SHORT)], None),
        (DONE, None),
        ([contract("w", S.COMPLETED), *DONE], "archive w"),
        ([contract("w", S.FAILED)], None),
        ([contract("w", S.FAILED), contract("v", S.FAILED, seconds=2 * LONG)], "archive v"),
        ([contract("a", S.ARCHIVED)], None),
    ],
)
def test_the_person_does_the_most_urgent_thing_that_it_sees(
    contracts: list[Contract], does: str | None
) -> None:
    """Number 2 of a scenario is one on which it has done what it does once."""
    move = reaction(Seen(NOW, contracts, done={(f"{HURRIED} #2", "advance")}))
    assert (move and f"{move.action} {move.contract.id}") == does


@pytest.mark.parametrize(
    ("status", "kind", "does"),
    [
        (S.WAITING_FOR_INPUT, "question", "answer"),
        (S.WAITING_FOR_INPUT, "phase_confirmation", "confirm"),
        (S.ACTIVE, "unrecoverable", "block"),
        (S.BLOCKED, "unrecoverable", None),
        (S.BLOCKED, "blocked", "fail"),
        (S.ACTIVE, "something new", None),
    ],
)
def test_what_needs_a_person_is_done_when_nobody_was_faster(status: S, kind: str, does: str | None) -> None:
    mine = [contract("a", status)]
    late, early = need(kind, role="publisher"), need(kind, seconds=SHORT)
    move = reaction(Seen(NOW, mine, [late]))
    assert (move and move.action) == does
    assert reaction(Seen(NOW, mine, [early])) is None
    assert reaction(Seen(NOW, [], [late])) is None, "a contract of somebody else"
    assert min(PATIENCE_SECONDS.values()) > SHORT


def test_what_an_earlier_fleet_left_behind_is_put_away() -> None:
    """Its agents have ended; the demo shows the same again."""
    began = NOW - timedelta(seconds=LONG / 2)
    for status, does in {
        S.ACTIVE: "fail", S.PAUSED: "fail", S.BLOCKED: "fail", S.WAITING_FOR_INPUT: "fail",
        S.CREATED: "archive", S.FAILED: "archive", S.COMPLETED: "archive", S.ARCHIVED: None, S.COMPLETING: None,
    }.items():  # fmt: skip
        move = reaction(Seen(NOW, [contract("a", status)], began=began))
        assert (move and move.action) == does, status


def task(name: str, status: TaskStatus, number: int = 1) -> Task:
    return Task(f"{name}-{number}", "c1", name, "plan", status, role="builder")


LOOK, DO = (step.name for step in STEPS)


def test_a_supervisor_has_every_work_of_its_phase_tried_until_it_is_done() -> None:
    look, do = STEPS
    assert next_steps("plan", STEPS, []) == [Try(look, f"plan/{LOOK}/0"), Try(do, f"plan/{DO}/0")]
    under_way = [task(LOOK, TaskStatus.RUNNING), task(DO, TaskStatus.COMPLETED)]
    assert next_steps("plan", STEPS, under_way) == []
    assert not are_done(STEPS, under_way)
    failed = [task(LOOK, TaskStatus.FAILED), task(DO, TaskStatus.PENDING)]
    assert next_steps("plan", STEPS, failed) == [Try(look, f"plan/{LOOK}/1")]
    assert are_done([Step(DO)], under_way)


def test_a_supervisor_gives_up_what_has_failed_too_often() -> None:
    tries = [task(LOOK, TaskStatus.FAILED, number) for number in range(MAX_TASK_ATTEMPTS)]
    assert next_steps("plan", STEPS, tries) == GiveUp(f"{LOOK}: failed {MAX_TASK_ATTEMPTS} times")


def test_every_scenario_comes_in_turn_and_is_known_by_its_name() -> None:
    names = [numbered(number)[1] for number in range(2 * len(SCENARIOS))]
    assert len(set(names)) == len(names)
    assert [scenario_of(name) for name in names] == [*SCENARIOS, *SCENARIOS]
    assert number_after([]) == 0
    assert number_after(["My first", "#7", *names]) == len(names), "the next round begins"
    assert scenario_of("My first").steps == {}


def test_the_scenarios_give_cause_for_everything_there_is_to_see() -> None:
    types = contract_types()
    assert {each.contract_type for each in SCENARIOS} == set(types)
    for each in SCENARIOS:
        assert each.steps.keys() <= {phase.name for phase in types[each.contract_type]}, each.name
        assert MARK not in each.about
    for habit in ("guard", "question", "hangs", "hurried", "shelved"):
        assert sum(bool(getattr(each, habit)) for each in SCENARIOS) == 1, habit


async def test_the_person_survives_a_server_that_is_out_of_its_mind() -> None:
    asked: list[str] = []

    def unavailable(head: str) -> tuple[int, str]:
        asked.append(head)
        return 503, '{"code": "UNAVAILABLE"}'

    port = ports.free()
    async with server(port, unavailable), Http(f"http://127.0.0.1:{port}", retry_for=0) as http:
        playing = asyncio.create_task(DemoUser(http, poll_seconds=0.01).run())
        try:
            await eventually(lambda: playing.done() or len(asked) > 2)
            assert not playing.done()
        finally:
            playing.cancel()
