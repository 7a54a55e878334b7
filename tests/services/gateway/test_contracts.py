"""Contracts over HTTP: made, moved, listed, shown, deleted; the first answer again for a repeat."""

import httpx

from tests.services.gateway.running import body


async def test_a_new_contract_is_answered_with_all_its_members(http: httpx.AsyncClient) -> None:
    answer = await http.post("/contracts", json={"name": "build it", "description": "all of it"})
    assert answer.status_code == 201
    assert answer.headers["ETag"] == '"1"'
    assert int(answer.headers["Makima-Position"]) > 0
    assert "Makima-Read-Behind" not in answer.headers
    contract = body(answer)
    assert {
        "status": "created",
        "legacy_status": "active",
        "phase": "plan",
        "phases": ["plan", "execute"],
        "version": 1,
    }.items() <= contract.items()
    assert contract["deliverables"] == [
        {"phase": "plan", "id": "plan-document", "name": "Plan document", "completed": False, "completed_at": None},
        {"phase": "execute", "id": "pull-request", "name": "Pull request", "completed": False, "completed_at": None},
    ]
    assert contract["tasks"] == {"total": 0, "pending": 0, "claimed": 0, "running": 0, "completed": 0, "failed": 0}
    shown = await http.get(f"/contracts/{contract['id']}")
    assert body(shown) == contract
    assert shown.headers["ETag"] == '"1"'
