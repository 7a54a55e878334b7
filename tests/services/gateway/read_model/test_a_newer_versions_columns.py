"""A rolling upgrade migrates while the older version serves: columns that it does not know change nothing for it."""

import asyncpg
import httpx
from makima_gateway.read_model.projection import ReadModel
from makima_kernel.projections.rebuild import rebuild

from tests.guarantees.read_models import rows
from tests.services.gateway.harness import Gateways, act, created, items, position


async def test_tables_with_columns_of_a_newer_version_are_read_and_written_as_before(
    gateways: Gateways, http: httpx.AsyncClient, pool: asyncpg.Pool
) -> None:
    contract = str((await created(http))["id"])
    for table in ReadModel.tables:
        await pool.execute(
            f"alter table gateway.\"{table}\" add column newer text not null default 'unknown'"
        )
    await act(http, contract, "start")
    await position(http, contract, "tasks", name="write")
    await position(http, contract, "questions", question="why?")
    last = await position(http, contract, "messages", role="user", content="hello")
    read = await http.get(f"/contracts/{contract}", headers={"Makima-Min-Position": str(last)})
    assert (read.status_code, read.json()["tasks"]["pending"]) == (200, 1)
    assert "Makima-Read-Behind" not in read.headers
    assert [
        len(await items(http, f"/contracts/{contract}/{of}")) for of in ("tasks", "questions", "messages")
    ] == [
        1,
        1,
        1,
    ]
    assert [item["id"] for item in await items(http, "/contracts")] == [contract]
    before = await rows(pool, ReadModel())
    await rebuild(ReadModel(), pool, gateways.log)
    assert await rows(pool, ReadModel()) == before
