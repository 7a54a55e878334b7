"""Who may not see a contract cannot tell by the time of the answer whether there is one: the work is the same."""

import asyncpg
import httpx
from asyncpg.connection import LoggedQuery
from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.tokens import LOCAL_OWNER
from makima_gateway.read_model.queries import Queries
from makima_kernel.event_log.log import Log
from makima_schemas.identity import DEFAULT_TENANT

from tests.services.gateway.harness import created


async def test_a_contract_of_another_owner_is_looked_up_as_one_that_is_not_there(
    database: str, http: httpx.AsyncClient
) -> None:
    asked: list[str] = []

    async def noted(connection: asyncpg.Connection) -> None:
        connection.add_query_logger(note)

    def note(query: LoggedQuery) -> None:
        asked.append(query.query)

    contract = str((await created(http))["id"])
    async with asyncpg.create_pool(database, min_size=1, max_size=1, init=noted) as pool:
        owners = Owners(Queries(pool), Log(pool))

        async def look_ups(owner: str, contract_id: str) -> list[str]:
            asked.clear()
            assert await owners.owns(DEFAULT_TENANT, owner, contract_id) is (owner == LOCAL_OWNER)
            return [query for query in asked if "owner" in query or "event_log" in query]

        nobodys = await look_ups("bob", "nobody")
        assert len(nobodys) == 2
        assert [await look_ups("bob", contract) for _ in range(2)] == [nobodys, nobodys]
        await look_ups(LOCAL_OWNER, contract)
        assert await look_ups(LOCAL_OWNER, contract) == [], "its owner is answered from memory"
        assert await look_ups("bob", contract) == nobodys, "also once it is known"
