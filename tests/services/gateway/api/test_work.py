"""Phases, deliverables, tasks, questions and messages over HTTP."""

from typing import cast

import httpx
from makima_kernel.testing import eventually
from makima_schemas.contract.events import PhaseValidated
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState

from tests.services.gateway.harness import Gateways, act, body, created, items, listed, refused


async def started(http: httpx.AsyncClient, **members: object) -> str:
    contract = str((await created(http, **members))["id"])
    await act(http, contract, "start")
    return contract


async def test_a_phase_changes_when_it_is_ready_and_a_dry_run_changes_nothing(
    http: httpx.AsyncClient,
) -> None:
    contract = await started(http)
    path = f"/contracts/{contract}/phase"
    tried = body(await http.post(path, json={"phase": "execute", "dry_run": True}))
    assert tried == {
        "would_succeed": False,
        "code": "VALIDATION_FAILED",
        "missing": ["Deliverable: plan-document"],
        "deliverables": [],
    }
    problem = await refused(http.post(path, json={"phase": "execute"}), 400, "VALIDATION_FAILED")
    assert problem["missing"] == ["Deliverable: plan-document"]
    done = body(await http.post(f"/contracts/{contract}/deliverables/plan-document/complete"))
    assert [item["completed"] for item in listed(done["deliverables"])] == [True, False]
    assert body(await http.get(f"/contracts/{contract}/phase-readiness"))["ready"] is True
    tried = body(await http.post(path, json={"phase": "execute", "dry_run": True}))
    assert (tried["would_succeed"], body(await http.get(f"/contracts/{contract}"))["phase"]) == (True, "plan")
    assert body(await http.post(path, json={"phase": "execute"}))["phase"] == "execute"
    assert body(await http.get(f"/contracts/{contract}/phase-readiness"))["missing"] == [
        "Deliverable: pull-request"
    ]


async def test_a_guarded_phase_needs_a_confirmation_whoever_asks(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    assert (
        body(await http.put(f"/contracts/{contract}/phase-guard", json={"enabled": True}))["phase_guard"]
        is True
    )
    path = f"/contracts/{contract}/phase"
    problem = await refused(
        http.post(path, json={"phase": "execute", "force": True}), 409, "PHASE_GUARD_REQUIRED"
    )
    assert problem["deliverables"] == ["plan-document"]
    assert (
        body(await http.post(path, json={"phase": "execute", "force": True, "confirmed": True}))["phase"]
        == "execute"
    )


async def test_the_switch_of_automatic_completion_answers_a_summary(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    answer = body(await http.put(f"/contracts/{contract}/auto-complete", json={"enabled": False}))
    assert answer == {
        "id": contract, "name": "a contract", "status": "active", "phase": "plan", "version": 3, "auto_complete_enabled": False,
    }  # fmt: skip
    assert body(await http.get(f"/contracts/{contract}/phase-readiness"))["auto_advance_enabled"] is False


async def test_only_declared_deliverables_can_be_completed(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    problem = await refused(
        http.post(f"/contracts/{contract}/deliverables/nonsense/complete", json={}),
        400,
        "INVALID_DELIVERABLE",
    )
    assert (problem["phase"], problem["valid"]) == ("plan", ["plan-document"])
    first = await http.post(
        f"/contracts/{contract}/deliverables/pull-request/complete",
        json={"phase": "execute", "evidence": "#7"},
    )
    again = await http.post(
        f"/contracts/{contract}/deliverables/pull-request/complete", json={"phase": "execute"}
    )
    assert (first.status_code, again.json()) == (200, first.json())


async def test_a_task_lives_from_its_creation_to_its_end(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    tasks = f"/contracts/{contract}/tasks"
    made = await http.post(tasks, json={"name": "write", "role": "builder", "plan": "with care"})
    assert made.status_code == 201
    task = f"{tasks}/{body(made)['id']}"
    assert (body(made)["status"], body(made)["phase"], body(made)["plan"]) == ("pending", "plan", "with care")
    await refused(http.post(f"{task}/claim", json={"role": "reviewer"}), 403, "FORBIDDEN")
    claimed = body(await http.post(f"{task}/claim", json={"role": "builder", "connection_id": "k1"}))
    assert (claimed["status"], claimed["connection_id"]) == ("claimed", "k1")
    await refused(http.post(f"{task}/start", json={"connection_id": "k2"}), 409, "SUPERSEDED")
    assert body(await http.post(f"{task}/release"))["status"] == "pending"
    await http.post(f"{task}/claim", json={"role": "builder"})
    assert body(await http.post(f"{task}/start"))["status"] == "running"
    done = body(await http.post(f"{task}/complete", json={"success": True, "result": "it works"}))
    assert (done["status"], done["result"]) == ("completed", "it works")
    await refused(http.post(f"{task}/start"), 400, "INVALID_TRANSITION")
    await refused(http.post(f"{tasks}/nobody/start"), 404, "TASK_NOT_FOUND")
    shown = body(await http.get(f"/contracts/{contract}"))
    assert shown["tasks"] == {
        "total": 1,
        "pending": 0,
        "claimed": 0,
        "running": 0,
        "completed": 1,
        "failed": 0,
    }


async def test_a_task_is_handed_on_as_a_new_one(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    tasks = f"/contracts/{contract}/tasks"
    first = body(await http.post(tasks, json={"name": "write", "role": "builder"}))
    handed = body(
        await http.post(f"{tasks}/{first['id']}/handoff", json={"to_role": "reviewer", "result": "draft"})
    )
    assert (handed["status"], handed["role"], handed["name"]) == ("pending", "reviewer", "write")
    assert [item["status"] for item in await items(http, tasks)] == ["completed", "pending"]


async def test_a_repeated_task_is_the_same_task_as_it_was(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    tasks, key = f"/contracts/{contract}/tasks", {"Idempotency-Key": "one task"}
    first = await http.post(tasks, json={"name": "write"}, headers=key)
    await http.post(f"{tasks}/{body(first)['id']}/complete", json={"success": False})
    again = await http.post(tasks, json={"name": "write"}, headers=key)
    assert (again.status_code, again.json()) == (201, first.json())
    assert [item["status"] for item in await items(http, tasks)] == ["failed"]


async def test_lists_inside_a_contract_come_oldest_first_in_pages(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    for what, member, extra in (
        ("tasks", "name", {}),
        ("questions", "question", {}),
        ("messages", "content", {"role": "user"}),
    ):
        path = f"/contracts/{contract}/{what}"
        for number in range(5):
            assert (await http.post(path, json={member: f"{what} {number}", **extra})).status_code == 201
        first = body(await http.get(path, params={"limit": 3}))
        second = body(await http.get(path, params={"limit": 3, "cursor": str(first["next_cursor"])}))
        assert [item[member] for item in (*listed(first["items"]), *listed(second["items"]))] == [
            f"{what} {number}" for number in range(5)
        ]
        assert second["next_cursor"] is None
        await refused(http.get(f"/contracts/nobody/{what}"), 404, "CONTRACT_NOT_FOUND")


async def test_a_question_makes_the_contract_wait_until_it_is_answered(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    questions = f"/contracts/{contract}/questions"
    await refused(
        http.post(questions, json={"question": "which?", "question_type": "choice"}), 422, "INVALID_REQUEST"
    )
    asked = body(
        await http.post(
            questions, json={"question": "which?", "question_type": "choice", "options": ["a", "b"]}
        )
    )
    assert (asked["status"], asked["options"], asked["answer"]) == ("open", ["a", "b"], None)
    shown = body(await http.get(f"/contracts/{contract}"))
    assert (shown["status"], shown["waiting_for"]) == ("waiting_for_input", "question")
    await refused(
        http.post(f"{questions}/{asked['id']}/answer", json={"answer": "c"}), 422, "INVALID_REQUEST"
    )
    answered = body(await http.post(f"{questions}/{asked['id']}/answer", json={"answer": "a"}))
    assert (answered["status"], answered["answer"]) == ("answered", "a")
    shown = body(await http.get(f"/contracts/{contract}"))
    assert (shown["status"], shown["waiting_for"]) == ("active", None)
    await refused(http.post(f"{questions}/nobody/answer", json={"answer": "a"}), 404, "QUESTION_NOT_FOUND")


async def test_a_message_moves_the_activity(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    before = body(await http.get(f"/contracts/{contract}"))
    sent = await http.post(f"/contracts/{contract}/messages", json={"role": "user", "content": "hello"})
    assert (sent.status_code, body(sent)["content"], body(sent)["role"]) == (201, "hello", "user")
    after = body(await http.get(f"/contracts/{contract}"))
    assert str(after["last_activity_at"]) > str(before["last_activity_at"])


async def test_the_supervisors_task_says_that_it_is_one_and_counts_for_nothing(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await started(http)
    await http.post(f"/contracts/{contract}/tasks", json={"name": "write"})
    await gateways.append(
        "supervisor-t1", SupervisorRegistered(contract, "d1", None, SupervisorState.WORKING, "plan")
    )

    async def both() -> list[dict[str, object]]:
        shown = await items(http, f"/contracts/{contract}/tasks")
        return shown if len(shown) == 2 else []

    await eventually(both, because="the contract does not know the supervisor's task")
    assert {item["name"]: item["is_supervisor"] for item in await both()} == {
        "write": False,
        "supervise the contract": True,
    }
    assert cast("dict[str, int]", body(await http.get(f"/contracts/{contract}"))["tasks"])["total"] == 1


async def test_a_validators_objection_is_told_with_what_is_missing(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = await started(
        http, phases=[{"name": "plan", "gate": {"validator": "lint"}}, {"name": "execute"}]
    )
    readiness = f"/contracts/{contract}/phase-readiness"
    assert body(await http.get(readiness))["missing"] == ["Validator: lint"]
    position = await gateways.append(
        f"contract-{contract}", PhaseValidated("plan", "lint", passed=False, reason="two warnings")
    )
    told = await http.get(readiness, headers={"Makima-Min-Position": str(position)})
    assert body(told)["missing"] == ["Validator: lint (two warnings)"]
    problem = await refused(
        http.post(f"/contracts/{contract}/phase", json={"phase": "execute"}), 400, "VALIDATION_FAILED"
    )
    assert problem["missing"] == ["Validator: lint (two warnings)"]


async def test_a_failed_task_that_is_made_again_holds_the_phase_no_longer(http: httpx.AsyncClient) -> None:
    contract = await started(http)
    tasks = f"/contracts/{contract}/tasks"
    await http.post(f"/contracts/{contract}/deliverables/plan-document/complete", json={})
    for success, missing in ((False, ["1 tasks incomplete"]), (True, [])):
        made = body(await http.post(tasks, json={"name": "write"}))
        await http.post(f"{tasks}/{made['id']}/complete", json={"success": success})
        assert body(await http.get(f"/contracts/{contract}/phase-readiness"))["missing"] == missing


async def test_tasks_and_questions_are_shown_as_they_were(http: httpx.AsyncClient) -> None:
    path = f"/contracts/{(await created(http))['id']}"
    await http.post(f"{path}/tasks", json={"name": "first"})
    version = str(body(await http.get(path))["version"])
    await http.post(f"{path}/tasks", json={"name": "second"})
    await http.post(f"{path}/questions", json={"question": "Which?", "question_type": "text"})
    assert [each["name"] for each in await items(http, f"{path}/tasks", at=version)] == ["first"]
    assert await items(http, f"{path}/questions", at=version) == []
    assert [each["name"] for each in await items(http, f"{path}/tasks")] == ["first", "second"]
