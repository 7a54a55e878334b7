"""agents.md, Agent status: which roles a team expects, and which of them are missing."""

from collections.abc import Awaitable, Callable
from typing import cast

import httpx
import pytest
from makima_schemas.agent import AgentStatus

from tests.services.gateway.api.agent_events import become, join, leave
from tests.services.gateway.harness import Gateways, act, body, created

S = AgentStatus
# Of each status: whether a role with it is expected though no task is its own, and whether it is missing then.
STATUSES = (
    (S.READY, "task_taken", True, False),
    (S.WORKING, "task_taken", True, False),
    (S.RESTARTING, "restart_initiated", True, False),
    (S.DEAD, "heartbeat_expired", True, True),
    (S.DEAD_FAILED_REVIVE, "restart_exhausted", True, True),
    (S.OFFLINE, "leave", False, False),
)


async def team(http: httpx.AsyncClient, contract: str, position: int = 0) -> dict[str, object]:
    answer = await http.get(f"/contracts/{contract}/agents", headers={"Makima-Min-Position": str(position)})
    assert answer.status_code == 200, answer.text
    return cast("dict[str, object]", body(answer)["team"])


def lacks(*missing: str, of: tuple[str, ...]) -> dict[str, object]:
    return {"ready": not missing, "expected_roles": [*of], "missing_roles": [*missing]}


def test_every_status_is_in_the_table() -> None:
    assert {status for status, *_ in STATUSES} == set(S)


@pytest.mark.parametrize(("status", "trigger", "expected", "missing"), STATUSES)
@pytest.mark.parametrize("wanted", [False, True])
async def test_a_role_is_missing_unless_its_agent_is_ready_works_or_is_being_restarted(
    gateways: Gateways,
    http: httpx.AsyncClient,
    *,
    status: AgentStatus,
    trigger: str,
    expected: bool,
    missing: bool,
    wanted: bool,
) -> None:
    """`wanted`: a pending task is for its role; then it is expected, and missed, in whichever status."""
    contract = str((await created(http))["id"])
    if wanted:
        await http.post(f"/contracts/{contract}/tasks", json={"name": "write", "role": "builder"})
    position = await join(gateways, contract, "builder")
    if status is S.OFFLINE:
        position = await leave(gateways, contract, "builder")
    elif status is not S.READY:
        position = await become(gateways, contract, "builder", status, trigger)
    of = ("builder",) if expected or wanted else ()
    missed = ("builder",) if missing or (wanted and status is S.OFFLINE) else ()
    assert await team(http, contract, position) == lacks(*missed, of=of)


Step = Callable[[httpx.AsyncClient, str], Awaitable[object]]


def step(name: str, **members: object) -> Step:
    async def do(http: httpx.AsyncClient, task: str) -> None:
        answer = await http.post(f"{task}/{name}", json=members)
        assert answer.status_code == 200, answer.text

    return do


CLAIM = step("claim", role="builder", connection_id="x")
START, RELEASE = step("start", connection_id="x"), step("release", connection_id="x")
DONE, FAILED = step("complete", success=True), step("complete", success=False)
# What was done with a task, and whether the team expects a builder: if it was made for one, and if it was made for anyone.
TASKS: dict[str, tuple[tuple[Step, ...], bool, bool]] = {
    "pending": ((), True, False),
    "claimed": ((CLAIM,), True, True),
    "running": ((CLAIM, START), True, True),
    "released": ((CLAIM, START, RELEASE), True, False),
    "completed": ((CLAIM, START, DONE), False, False),
    "completed at once": ((DONE,), False, False),
    "failed": ((CLAIM, START, FAILED), False, False),
}


@pytest.mark.parametrize("for_builder", [True, False])
@pytest.mark.parametrize("done", TASKS)
async def test_a_role_is_expected_while_a_task_is_its_own_and_not_done(
    http: httpx.AsyncClient, done: str, *, for_builder: bool
) -> None:
    """Nobody ever joined: whoever is expected is missing. The contract stays open."""
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    members = {"role": "builder"} if for_builder else {}
    made = await http.post(f"/contracts/{contract}/tasks", json={"name": "write", **members})
    steps, if_for_builder, if_for_anyone = TASKS[done]
    for each in steps:
        await each(http, f"/contracts/{contract}/tasks/{body(made)['id']}")
    assert body(await http.get(f"/contracts/{contract}"))["status"] == "active"
    of = ("builder",) if (if_for_builder if for_builder else if_for_anyone) else ()
    assert await team(http, contract) == lacks(*of, of=of)
    version = body(await http.get(f"/contracts/{contract}"))["version"]
    then = body(await http.get(f"/contracts/{contract}/agents", params={"at": str(version)}))
    assert then["team"] == lacks(*of, of=of), "also as it was"


async def test_a_role_with_one_task_that_is_done_and_another_that_is_not_is_expected(
    http: httpx.AsyncClient,
) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    path = f"/contracts/{contract}/tasks"
    first, _ = [body(await http.post(path, json={"name": name, "role": "builder"})) for name in "ab"]
    await http.post(f"{path}/{first['id']}/complete", json={"success": True})
    assert await team(http, contract) == lacks("builder", of=("builder",))
