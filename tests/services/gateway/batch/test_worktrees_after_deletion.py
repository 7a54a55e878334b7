"""Worktrees of contracts that were deleted over HTTP: they can be cleaned up by the contract's id afterwards."""

import httpx
import orjson
import pytest
from makima_completion_detector import app as completion_detector
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.batch.batches import batch, contracts, done, statuses
from tests.services.gateway.harness import Gateways, listed, refused
from tests.services.gateway.tokens import client_as


@pytest.mark.parametrize("way", ["by its own route", "in a batch"])
async def test_the_worktrees_of_what_was_deleted_are_cleaned_up(
    settings: Settings, gateways: Gateways, http: httpx.AsyncClient, nats: Client, way: str
) -> None:
    asked: list[object] = []

    async def remove(message: Msg) -> None:
        asked.append(orjson.loads(message.data))
        await message.respond(b'{"removed": 1}')

    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    async with Service.running(completion_detector.NAME, settings, completion_detector.build):
        ids = await contracts(http, gone=("start", "fail", "archive"), running=("start",))
        registered = SupervisorRegistered(ids["gone"], "d1", "k", SupervisorState.FAILED, "plan")
        position = await gateways.append("supervisor-s-gone", registered)
        await http.get("/contracts", headers={"Makima-Min-Position": str(position)})
        if way == "in a batch":
            await batch(http, "cleanup_archived", older_than_hours=0)
        else:
            assert (await http.delete(f"/contracts/{ids['gone']}")).status_code == 204
        assert await statuses(http) == {"running": "active"}
        named = [{"id": ids["gone"]}, {"id": ids["running"]}, {"id": "nobody"}]
        foreseen = await batch(http, "cleanup_worktrees", ids=named, dry_run=True)
        assert (foreseen["affected_ids"], asked) == ([ids["gone"], ids["running"], "nobody"], [])
        answer = await batch(http, "cleanup_worktrees", key="k", ids=named)
        assert answer["affected_ids"] == [ids["gone"]]
        assert [(error["id"], error["code"]) for error in listed(answer["errors"])] == [
            (ids["running"], "INVALID_TRANSITION"),
            ("nobody", "CONTRACT_NOT_FOUND"),
        ]
        assert await batch(http, "cleanup_worktrees", key="k", ids=named) == answer
        assert asked == [{"contract_id": ids["gone"]}], "a repeat gets the first answer"
        assert await batch(http, "cleanup_worktrees") == done("cleanup_worktrees")


async def test_only_administrators_clean_up_worktrees(http: httpx.AsyncClient) -> None:
    wanted = {"operation": "cleanup_worktrees", "ids": [{"id": "c1"}]}
    async with client_as(http, "owner", owner="alice") as alice:
        problem = await refused(alice.post("/contracts/batch", json=wanted), 403, "FORBIDDEN")
    assert problem["roles"] == ["admin"]
    for unfit in (
        {"reason": "lunch"},
        {"older_than_hours": 1},
        {"ids": [{"id": "c1", "expected_version": 3}]},
    ):
        await refused(http.post("/contracts/batch", json=wanted | unfit), 422, "INVALID_REQUEST")
