"""A batch over selected contracts: previewed, at the versions that were looked at, and by owners over their own."""

import httpx

from tests.services.gateway.batch.batches import batch, contracts, operations, statuses
from tests.services.gateway.harness import act, body, created, listed, refused
from tests.services.gateway.tokens import client_as


def codes(outcomes: object) -> dict[str, str]:
    return {str(one["id"]): str(one["code"]) for one in listed(outcomes)}


async def test_an_owner_pauses_its_own_at_the_versions_it_looked_at(http: httpx.AsyncClient) -> None:
    others = str((await created(http, name="others"))["id"])
    async with client_as(http, "owner", owner="alice") as alice:
        ids = await contracts(alice, running=("start",), moved=("start",), done=("start", "complete"))
        version = body(await alice.get(f"/contracts/{ids['running']}"))["version"]
        selected = [
            {"id": ids["running"], "expected_version": version},
            {"id": ids["moved"], "expected_version": 1},
            {"id": ids["done"]},
            {"id": others},
        ]
        skipped = {
            ids["moved"]: "VERSION_CONFLICT",
            ids["done"]: "INVALID_TRANSITION",
            others: "CONTRACT_NOT_FOUND",
        }
        before = operations("pause")
        preview = await batch(alice, "pause", ids=selected, dry_run=True)
        assert [(one["id"], one["version"]) for one in listed(preview["affected"])] == [
            (ids["running"], version)
        ]
        assert codes(preview["skipped"]) == skipped
        assert (await statuses(alice))["running"] == "active", "a preview changes nothing"
        done = await batch(alice, "pause", key="k", ids=selected, reason="lunch")
        assert (done["operation"], done["errors"]) == ("pause", [])
        after = body(await alice.get(f"/contracts/{ids['running']}"))
        assert [(one["id"], one["version"]) for one in listed(done["affected"])] == [
            (ids["running"], after["version"])
        ]
        assert codes(done["skipped"]) == skipped
        assert await statuses(alice) == {"running": "paused", "moved": "active", "done": "completed"}
        assert operations("pause") == before + 1
        await act(alice, ids["running"], "resume")
        assert (await batch(alice, "pause", key="k", ids=selected, reason="lunch"))["affected"] == done[
            "affected"
        ]
        assert (await statuses(alice))["running"] == "active", (
            "a repeat gets the first answer and pauses nothing"
        )


async def test_each_operation_does_what_its_name_says(http: httpx.AsyncClient) -> None:
    ids = await contracts(
        http, paused=("start", "pause"), blocked=("start", "block"), old=("start", "complete")
    )
    for operation, name in (("resume", "paused"), ("unblock", "blocked"), ("archive", "old")):
        done = await batch(http, operation, ids=[{"id": ids[name]}])
        assert [one["id"] for one in listed(done["affected"])] == [ids[name]], operation
    assert await statuses(http) == {"paused": "active", "blocked": "active", "old": "archived"}
    restarted = await batch(http, "restart_supervisor", ids=[{"id": ids["paused"]}, {"id": ids["old"]}])
    assert codes(restarted["skipped"]) == {
        ids["paused"]: "SUPERVISOR_NOT_FOUND",
        ids["old"]: "INVALID_TRANSITION",
    }


async def test_what_makes_no_sense_is_refused_and_an_owner_has_no_other_batch(
    http: httpx.AsyncClient,
) -> None:
    one = {"id": "c1"}
    senseless: tuple[dict[str, object], ...] = (
        {"operation": "pause"},
        {"operation": "pause", "ids": []},
        {"operation": "pause", "ids": [one, one]},
        {"operation": "pause", "ids": [one], "older_than_hours": 1},
        {"operation": "pause_all", "ids": [one]},
        {"operation": "pause_all", "reason": "lunch"},
        {"operation": "pause", "ids": [{"id": f"c{number}"} for number in range(501)]},
    )
    for asked in senseless:
        await refused(http.post("/contracts/batch", json=asked), 422, "INVALID_REQUEST")
    async with client_as(http, "owner", owner="alice") as alice:
        problem = await refused(
            alice.post("/contracts/batch", json={"operation": "pause_all"}), 403, "FORBIDDEN"
        )
        assert problem["roles"] == ["admin"]
