"""Plan 2.2 to 2.4 over HTTP, with the detector at work: readiness of each phase, what moves on by itself, and
asking whether it is done.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, cast

import asyncpg
import httpx
import pytest
from makima_completion_detector import app as detector
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.contract.contract_types import contract_types
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, act, body, created, items, listed, refused, running


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with (
        running(settings, pool, nats) as made,
        Service.running(detector.NAME, settings, detector.build),
    ):
        yield made


async def started(http: httpx.AsyncClient, **members: object) -> str:
    contract = str((await created(http, **members))["id"])
    await act(http, contract, "start")
    return contract


async def deliver(http: httpx.AsyncClient, contract: str, deliverable: str) -> None:
    assert (
        await http.post(f"/contracts/{contract}/deliverables/{deliverable}/complete", json={})
    ).status_code == 200


async def until(http: httpx.AsyncClient, contract: str, **members: object) -> dict[str, object]:
    """The contract, once it shows these members."""

    async def shown() -> dict[str, object] | None:
        now = body(await http.get(f"/contracts/{contract}"))
        return now if members.items() <= now.items() else None

    found = await eventually(shown, because=f"{contract} does not come to {members}")
    assert found is not None
    return found


async def readiness(http: httpx.AsyncClient, asked: str) -> dict[str, object]:
    """What it said before it had conditions."""
    said = body(await http.get(asked))
    return {name: said[name] for name in ("phase", "ready", "missing", "auto_advance_enabled")}


async def test_each_phase_tells_whether_it_is_ready_and_all_that_is_missing(http: httpx.AsyncClient) -> None:
    contract = await started(http, contract_type="specification", auto_complete_enabled=False)
    for phase in contract_types()["specification"]:
        await http.post(f"/contracts/{contract}/phase", json={"phase": phase.name})
        task = body(await http.post(f"/contracts/{contract}/tasks", json={"name": "write it"}))
        [deliverable] = phase.deliverables
        asked = f"/contracts/{contract}/phase-readiness"
        missing = [f"Deliverable: {deliverable.id}", "1 tasks incomplete"]
        assert await readiness(http, asked) == {
            "phase": phase.name,
            "ready": False,
            "missing": missing,
            "auto_advance_enabled": False,
        }
        await http.post(f"/contracts/{contract}/tasks/{task['id']}/complete", json={"success": True})
        await deliver(http, contract, deliverable.id)
        assert await readiness(http, asked) == {
            "phase": phase.name,
            "ready": True,
            "missing": [],
            "auto_advance_enabled": False,
        }


async def test_a_contract_whose_work_is_done_completes_by_itself(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    await deliver(http, contract, "plan-document")
    await until(http, contract, phase="execute")
    await deliver(http, contract, "pull-request")
    done = await until(http, contract, status="completed", legacy_status="completed")
    assert done["completion_detected_at"] is not None
    types = [str(item["type"]).split(".")[-2] for item in await items(http, f"/contracts/{contract}/events")]
    assert types[-2:] == ["CompletionStarted", "ContractCompleted"]


async def test_a_guarded_phase_waits_for_somebody_to_confirm_it(http: httpx.AsyncClient) -> None:
    contract = await started(http, phase_guard=True)
    await deliver(http, contract, "plan-document")
    await until(http, contract, status="waiting_for_input", waiting_for="phase_confirmation", phase="plan")
    problem = await refused(
        http.post(f"/contracts/{contract}/phase", json={"phase": "execute"}), 409, "PHASE_GUARD_REQUIRED"
    )
    assert problem["deliverables"] == ["plan-document"]
    moved = body(
        await http.post(f"/contracts/{contract}/phase", json={"phase": "execute", "confirmed": True})
    )
    assert (moved["phase"], moved["status"], moved["waiting_for"]) == ("execute", "active", None)


async def test_switched_off_it_is_only_told_that_it_would_and_switched_on_it_does(
    http: httpx.AsyncClient,
) -> None:
    contract = await started(http, contract_type="execute")
    await http.put(f"/contracts/{contract}/auto-complete", json={"enabled": False})
    asked = f"/contracts/{contract}/check-completion"
    assert body(await http.post(asked)) == {
        "ready": False,
        "would_complete": False,
        "missing": ["Deliverable: pull-request"],
    }
    await deliver(http, contract, "pull-request")
    assert body(await http.post(asked)) == {"ready": True, "would_complete": True, "missing": []}
    assert body(await http.get(f"/contracts/{contract}"))["status"] == "active"
    await http.put(f"/contracts/{contract}/auto-complete", json={"enabled": True})
    await until(http, contract, status="completed")


async def test_asked_of_a_reopened_contract_it_completes_again(http: httpx.AsyncClient) -> None:
    contract = await started(http, contract_type="execute")
    await deliver(http, contract, "pull-request")
    await until(http, contract, status="completed")
    await act(http, contract, "reopen", reason="a bug")
    assert body(await http.post(f"/contracts/{contract}/check-completion"))["would_complete"] is True
    await until(http, contract, status="completed")


async def test_nobody_can_ask_about_what_is_not_there(http: httpx.AsyncClient) -> None:
    await refused(http.post("/contracts/nobody/check-completion"), 404, "CONTRACT_NOT_FOUND")
    await refused(http.get("/contracts/nobody/phase-readiness"), 404, "CONTRACT_NOT_FOUND")
    await refused(
        http.put("/contracts/nobody/auto-complete", json={"enabled": True}), 404, "CONTRACT_NOT_FOUND"
    )


GATES: Final[Sequence[tuple[object, list[str]]]] = (
    ("none", []),
    ("all_complete", ["2 tasks incomplete"]),
    ({"min_complete": 2}, ["1 tasks incomplete"]),
    ({"named": ["one", "three", "four"]}, ["Task: three", "Task: four"]),
)


async def test_a_gate_asks_for_tasks_in_four_ways(http: httpx.AsyncClient) -> None:
    for required_tasks, missing in GATES:
        draft = {
            "name": "draft",
            "deliverables": [{"id": "text", "name": "Text"}],
            "gate": {"required_tasks": required_tasks, "auto_advance": False},
        }
        contract = await started(http, phases=[draft, {"name": "final"}])
        for name, success in (("one", True), ("two", False), ("three", None)):
            task = body(await http.post(f"/contracts/{contract}/tasks", json={"name": name}))
            if success is not None:
                await http.post(
                    f"/contracts/{contract}/tasks/{task['id']}/complete", json={"success": success}
                )
        await deliver(http, contract, "text")
        shown = body(await http.get(f"/contracts/{contract}/phase-readiness"))
        assert (shown["ready"], shown["missing"], shown["auto_advance_enabled"]) == (
            not missing,
            missing,
            False,
        ), required_tasks


MEANINGLESS: Final[Sequence[Mapping[str, object]]] = (
    {"name": "no name"},
    {"name": "draft", "deliverables": [{"id": "text"}]},
    {"name": "draft", "deliverables": [{"id": "text", "name": "Text", "kind": "essay"}]},
    {"name": "draft", "gates": {}},
    {"name": "draft", "gate": {"required_task": "none"}},
    {"name": "draft", "gate": {"required_tasks": "some"}},
    {"name": "draft", "gate": {"required_tasks": {"min_complete": -1}}},
    {"name": "draft", "gate": {"required_tasks": {"min_complete": 1, "named": ["one"]}}},
    {"name": "draft", "gate": {"required_tasks": {"named": [""]}}},
    {"name": "draft", "gate": {"required_deliverables": ["text"]}},
    {"name": "draft", "gate": {"auto_advance": "perhaps"}},
)


async def test_a_phase_that_cannot_be_meant_is_refused_where_it_is_wrong(http: httpx.AsyncClient) -> None:
    for phase in MEANINGLESS:
        problem = await refused(
            http.post("/contracts", json={"name": "demo", "phases": [phase]}), 422, "INVALID_REQUEST"
        )
        [error, *_] = cast("list[dict[str, str]]", problem["errors"])
        assert "phases" in error["path"], phase
    assert await items(http, "/contracts") == []


async def test_a_gate_says_of_each_condition_its_state_and_the_request_that_helps(
    http: httpx.AsyncClient,
) -> None:
    phase = {"deliverables": [{"id": "text", "name": "Text"}], "gate": {"required_tasks": {"named": ["one", "two"]}}}  # fmt: skip
    contract = await started(http, phases=[{"name": "draft", **phase}, {"name": "final"}], phase_guard=True)
    task = body(await http.post(f"/contracts/{contract}/tasks", json={"name": "one", "role": "builder"}))
    await http.post(f"/contracts/{contract}/tasks/{task['id']}/complete", json={"success": True})
    before = cast("int", body(await http.get(f"/contracts/{contract}"))["version"])
    path = f"/contracts/{contract}/phase-readiness"
    shown = body(await http.get(path))
    found = {each["id"]: each for each in listed(shown["conditions"])}
    assert {name: each["state"] for name, each in found.items()} == {
        "text": "missing",
        task["id"]: "met",
        "two": "missing",
        "auto_complete": "met",
        "auto_advance": "met",
        "phase_guard": "unknown",
    }
    assert (shown["next_phase"], shown["evaluated_version"]) == ("final", before)
    act = cast("dict[str, object]", found["text"]["act"])
    assert (await http.post(str(act["path"]).removeprefix("/api/v1"), json=act["body"])).status_code == 200
    now, then = body(await http.get(path)), body(await http.get(path, params={"at": str(before)}))
    states = {each["id"]: each["state"] for each in listed(now["conditions"])}
    assert (states["text"], states["phase_guard"]) == ("met", "unknown")
    assert then["missing"] == shown["missing"]
    await refused(http.get(path, params={"at": "9999"}), 422, "INVALID_REQUEST")
