"""What moves a contract, over HTTP: each action, the status as old clients set it, and the version that a
caller decided on.
"""

import httpx
import pytest

from tests.services.gateway.harness import act, body, created, refused

STORIES = {
    "start": ((), "active"),
    "pause": (("start",), "paused"),
    "resume": (("start", "pause"), "active"),
    "block": (("start",), "blocked"),
    "unblock": (("start", "block"), "active"),
    "fail": (("start",), "failed"),
    "reopen": (("start", "fail"), "active"),
    "complete": (("start",), "completed"),
    "archive": (("start", "complete"), "archived"),
}


async def test_every_action_leads_where_it_should(http: httpx.AsyncClient) -> None:
    for action, (before, status) in STORIES.items():
        contract = str((await created(http))["id"])
        for step in before:
            await act(http, contract, step)
        moved = await act(http, contract, action, reason="because")
        assert (action, moved["status"], moved["version"]) == (action, status, len(before) + 2)


async def test_the_reasons_are_shown(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    assert (await act(http, contract, "block", reason="no network"))["blocked_reason"] == "no network"
    assert (await act(http, contract, "unblock"))["blocked_reason"] is None
    assert (await act(http, contract, "fail", reason="no budget"))["failure_reason"] == "no budget"


async def test_what_the_table_does_not_know_is_refused_with_what_it_does(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    problem = await refused(http.post(f"/contracts/{contract}/unblock"), 400, "INVALID_TRANSITION")
    assert problem["from"] == "created"
    assert "active" in str(problem["allowed"])
    await refused(http.post("/contracts/nobody/start"), 404, "CONTRACT_NOT_FOUND")


@pytest.mark.parametrize("where", ["header", "body"])
async def test_a_stale_version_is_a_conflict_that_says_the_truth(http: httpx.AsyncClient, where: str) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    path = f"/contracts/{contract}/pause"

    async def pause(version: int) -> httpx.Response:
        if where == "header":
            return await http.post(path, headers={"If-Match": f'"{version}"'})
        return await http.post(path, json={"expected_version": version})

    problem = await refused(pause(1), 409, "VERSION_CONFLICT")
    assert {"expected": 1, "actual": 2, "current_phase": "plan"}.items() <= problem.items()
    answer = await pause(2)
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"3"')


async def test_header_and_body_may_not_disagree_about_the_version(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    answer = http.post(
        f"/contracts/{contract}/start", json={"expected_version": 1}, headers={"If-Match": '"2"'}
    )
    await refused(answer, 422, "INVALID_REQUEST")


async def test_the_status_can_be_set_as_old_clients_do(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    for status in (
        "active",
        "paused",
        "active",
        "blocked",
        "active",
        "completed",
        "active",
        "failed",
        "active",
        "archived",
    ):
        answer = await http.post(
            f"/contracts/{contract}/status", json={"status": status, "reason": "because"}
        )
        assert (answer.status_code, body(answer)["status"]) == (200, status), answer.text
    await refused(
        http.post(f"/contracts/{contract}/status", json={"status": "active"}), 400, "INVALID_TRANSITION"
    )
    await refused(
        http.post(f"/contracts/{contract}/status", json={"status": "completing"}), 422, "INVALID_REQUEST"
    )
    await refused(http.post("/contracts/nobody/status", json={"status": "active"}), 404, "CONTRACT_NOT_FOUND")


async def test_a_status_that_was_set_once_is_answered_the_same_again(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    path, key = f"/contracts/{contract}/status", {"Idempotency-Key": "wake up"}
    await act(http, contract, "start")
    await act(http, contract, "pause")
    first = await http.post(path, json={"status": "active"}, headers=key)
    await act(http, contract, "fail")
    again = await http.post(path, json={"status": "active"}, headers=key)
    assert (again.status_code, again.json()) == (200, first.json())
    assert body(await http.get(f"/contracts/{contract}"))["status"] == "failed"
    await refused(http.post(path, json={"status": "paused"}, headers=key), 409, "IDEMPOTENCY_KEY_REUSED")
