"""What the demo's user and its supervisors do, and why: rules over what they see, with no clock in them."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from makima_cli.demo.plan import MAX_TASK_ATTEMPTS, GiveUp, Try, next_steps
from makima_cli.demo.scenarios import SCENARIO_BATCH_SIZE, SCENARIOS, needs, phases, scenario_of
from makima_cli.demo.staging import Staging
from makima_cli.demo.user import DemoUser
from makima_cli.demo.user_policy import MAX_FINISHED, MOST_ACTIVE, reaction
from makima_kernel.testing import eventually
from makima_local import ports
from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.contract.model import TaskStatus, WaitingFor
from makima_sdk import Contract, Contracts, Http, Task

from tests.sdk.http_server import server

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)


def contract(name: str, status: S, *, waiting_for: WaitingFor | None = None) -> Contract:
    """Made, and moved last, in the order of their names."""
    at = NOW + timedelta(seconds=ord(name))
    return Contract(name, name, "simple", status, "plan", 1, at, at, waiting_for=waiting_for)


def task(name: str, status: TaskStatus, number: int = 1, result: str | None = None) -> Task:
    return Task(f"{name}-{number}", "c1", name, "plan", status, role="builder", result=result)


BUSY = [contract(name, S.ACTIVE) for name in "jklmn"][:MOST_ACTIVE]
DONE = [contract(name, S.COMPLETED) for name in "xyz"][:MAX_FINISHED]


@pytest.mark.parametrize(
    ("seen", "does"),
    [
        ([contract("a", S.CREATED)], "start a"),
        ([contract("a", S.CREATED), *BUSY], None),
        ([contract("a", S.WAITING_FOR_INPUT, waiting_for="question"), *BUSY], "answer a"),
        ([contract("a", S.WAITING_FOR_INPUT, waiting_for="phase_confirmation")], "confirm a"),
        ([contract("z", S.ACTIVE), *BUSY], "pause z"),
        ([contract("a", S.ACTIVE), *BUSY], f"pause {BUSY[-1].id}"),
        ([contract("a", S.PAUSED), *BUSY], None),
        ([contract("b", S.CREATED), contract("a", S.PAUSED), *BUSY[1:]], "resume a"),
        ([contract("a", S.BLOCKED)], None),
        ([contract("a", S.COMPLETING)], None),
        ([contract("a", S.FAILED)], "reopen a"),
        ([contract("r", S.FAILED)], None),
        ([contract("r", S.FAILED), *DONE], "archive r"),
        (DONE, None),
        ([contract("w", S.COMPLETED), *DONE], "archive w"),
        ([contract("a", S.ARCHIVED)], None),
    ],
)
def test_the_user_does_the_most_urgent_thing_that_it_sees(seen: list[Contract], does: str | None) -> None:
    """`r` is one that was reopened before."""
    move = reaction(seen, frozenset({"r"}))
    assert (move and f"{move.action} {move.contract.id}") == does


LOOK, DO = "look around: plan", "do it: plan"


def test_a_supervisor_has_every_work_of_its_phase_tried_until_it_is_done() -> None:
    none = frozenset[str]()
    assert next_steps("plan", [], none) == [Try(LOOK, f"{LOOK}/0"), Try(DO, f"{DO}/0")]
    assert next_steps("plan", [task(LOOK, TaskStatus.RUNNING), task(DO, TaskStatus.COMPLETED)], none) == []
    assert next_steps("plan", [task(LOOK, TaskStatus.FAILED), task(DO, TaskStatus.PENDING)], none) == [
        Try(LOOK, f"{LOOK}/1")
    ]


def test_a_supervisor_gives_up_what_has_failed_too_often_unless_that_was_forgiven() -> None:
    tries = [
        task(LOOK, TaskStatus.FAILED, number, f"exit code {number}") for number in range(MAX_TASK_ATTEMPTS)
    ]
    assert next_steps("plan", tries, frozenset()) == GiveUp(
        f"{LOOK}: failed {MAX_TASK_ATTEMPTS} times, the last time with exit code {MAX_TASK_ATTEMPTS - 1}"
    )
    again = next_steps("plan", tries, frozenset(each.id for each in tries))
    assert again == [Try(LOOK, f"{LOOK}/{MAX_TASK_ATTEMPTS}"), Try(DO, f"{DO}/0")]


def test_the_staging_environment_is_held_by_one_at_a_time(tmp_path: Path) -> None:
    ada, grace = Staging(tmp_path, "ada"), Staging(tmp_path, "grace")
    assert ada.take()
    assert ada.take()
    assert not grace.take()
    assert grace.held_up() == "staging is in use by ada"
    ada.leave()
    assert grace.take()
    assert not ada.take()


def test_every_story_and_every_type_is_told_in_turn() -> None:
    names = [scenario_of(number)[1] for number in range(2 * len(SCENARIOS))]
    assert len(set(names)) == len(names)
    assert {scenario_of(number)[0].contract_type for number in range(len(SCENARIOS))} == {
        "simple",
        "specification",
        "execute",
    }


def test_the_stories_give_cause_for_every_status() -> None:
    """Two need what only one can have, one cannot be done in its time, one asks, one is guarded, and a batch
    is more than run at once.
    """
    wanted = [needs(scenario_of(number)[2]) for number in range(len(SCENARIOS))]
    assert [need.staging for need in wanted[:SCENARIO_BATCH_SIZE]].count(True) > 1
    assert SCENARIO_BATCH_SIZE > MOST_ACTIVE
    assert any(need.question for need in wanted)
    assert any(story.guard for story in SCENARIOS)
    limited = [
        phases(story)
        for story in SCENARIOS
        if needs(scenario_of(SCENARIOS.index(story))[2]).within is not None
    ]
    assert limited
    assert all(limited), "what may fail has gates that another try can satisfy"


async def test_the_user_survives_a_server_that_is_out_of_its_mind() -> None:
    asked: list[str] = []

    def unavailable(head: str) -> tuple[int, str]:
        asked.append(head)
        return 503, '{"code": "UNAVAILABLE"}'

    port = ports.free()
    async with server(port, unavailable), Http(f"http://127.0.0.1:{port}", retry_for=0) as http:
        playing = asyncio.create_task(DemoUser(Contracts(http), poll_seconds=0.01).run())
        try:
            await eventually(lambda: playing.done() or len(asked) > 2)
            assert not playing.done()
        finally:
            playing.cancel()
