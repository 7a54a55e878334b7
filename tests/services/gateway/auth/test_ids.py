"""Ids of what is created: the same for a repeat, and nobody can compute them from an idempotency key."""

from uuid import UUID, uuid4, uuid5

import asyncpg
import httpx
from makima_gateway.api.writes import NAMESPACE
from makima_gateway.auth.id_secret import IdSecret

from tests.services.gateway.harness import body


async def test_an_id_cannot_be_computed_from_its_idempotency_key(http: httpx.AsyncClient) -> None:
    key = {"Idempotency-Key": "the first of the day"}
    first, again = [
        body(await http.post("/contracts", json={"name": "a"}, headers=key))["id"] for _ in range(2)
    ]
    assert first == again
    command_id = uuid5(NAMESPACE, f"default\nadmin:local\n{key['Idempotency-Key']}")
    assert first not in {str(command_id), str(uuid5(command_id, "contract"))}


async def test_all_replicas_make_the_same_ids_with_one_secret(pool: asyncpg.Pool) -> None:
    one, other = await IdSecret.load(pool), await IdSecret.load(pool)
    command_id = uuid4()
    assert one.new_id(command_id, "task") == other.new_id(command_id, "task")
    assert IdSecret(b"another").new_id(command_id, "task") != one.new_id(command_id, "task")
    assert one.new_id(command_id, "question") != one.new_id(command_id, "task")
    assert UUID(one.new_id(command_id, "task")).version == 8
