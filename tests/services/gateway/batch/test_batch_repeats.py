"""A repeated batch: the first answer again, and what was cut off taken up."""

import asyncio

import asyncpg
import httpx
from makima_gateway.api.writes import command_id_for
from makima_gateway.auth.policy import Role
from makima_gateway.auth.principal import Principal
from makima_gateway.batch.job import digest_of
from makima_gateway.batch.ledger import BatchLedger, Candidate
from makima_gateway.batch.schemas import Batch
from makima_gateway.read_model.queries import Visibility

from tests.services.gateway.batch.batches import batch, contracts, done, statuses
from tests.services.gateway.harness import act, items, listed, refused

ADMIN = Principal("admin:local", Role.ADMIN, "local", Visibility("default"), "t")


async def test_a_repeat_with_the_same_key_gets_the_first_answer(http: httpx.AsyncClient) -> None:
    ids = await contracts(http, one=("start",), two=("start",))
    first = await batch(http, "pause_all", key="k")
    await act(http, ids["one"], "resume")
    assert await batch(http, "pause_all", key="k") == first == done("pause_all", ids["two"], ids["one"])
    assert (await statuses(http))["one"] == "active", "nothing was done again"
    again = http.post("/contracts/batch", json={"operation": "resume_all"}, headers={"Idempotency-Key": "k"})
    await refused(again, 409, "IDEMPOTENCY_KEY_REUSED")


async def test_many_at_once_with_one_key_are_one_batch(http: httpx.AsyncClient) -> None:
    ids = await contracts(http, one=("start",), two=("start",))
    answers = await asyncio.gather(*(batch(http, "pause_all", key="k") for _ in range(8)))
    assert answers == [done("pause_all", ids["two"], ids["one"])] * 8
    assert [event["type"] for event in await items(http, f"/contracts/{ids['one']}/events")].count(
        "makima.contract.ContractPaused.v1"
    ) == 1


async def test_a_batch_that_was_cut_off_is_taken_up_by_its_repeat(
    http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    """Its process died after it had planned two and asked for the first of them: that one is paused, and not
    recorded as such.
    """
    ids = await contracts(http, last=("start",), second=("start",), first=("start",))
    ledger, intent = BatchLedger(pool), command_id_for(ADMIN, "k")
    digest = digest_of(Batch(operation="pause_all"))
    await ledger.begin("default", intent, digest, "pause_all", ADMIN.actor)
    positions = {
        name: await pool.fetchval("select created_position from gateway.contracts where id = $1", one)
        for name, one in ids.items()
    }
    await ledger.plan(
        "default", intent, [Candidate(ids[name], None, positions[name]) for name in ("first", "second")]
    )
    reply = await http.post(f"/contracts/{ids['first']}/pause", json={"reason": "somebody else"})
    assert reply.status_code == 200
    await pool.execute("update gateway.batches set leased_until = '-infinity'")
    answer = await batch(http, "pause_all", key="k")
    assert answer["affected_ids"] == [ids["second"], ids["last"]]
    assert [(error["id"], error["code"]) for error in listed(answer["errors"])] == [
        (ids["first"], "INVALID_TRANSITION")
    ]
    assert await batch(http, "pause_all", key="k") == answer
