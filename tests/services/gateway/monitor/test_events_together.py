"""`together`: the events of a fifth of a second come in one frame, in order, and hold up nothing else."""

import asyncio

import httpx
import orjson
from makima_kernel.testing import PATIENCE
from makima_schemas.contract.events import ContractPaused, ContractResumed
from makima_schemas.contract.model import ContractStatus

from tests.background import end
from tests.services.gateway.harness import Gateways, act, created, position
from tests.services.gateway.monitor.monitor_client import Message, Socket, watching

SEVERAL = 5  # messages


async def test_events_that_are_wanted_together_come_in_order_in_few_frames(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    for move in ("start", "pause", "resume", "pause"):
        last = await position(http, contract, move)
    async with watching(gateways, since=0, together=True) as client:
        first = [message["position"] for message in await frame(client)]
        assert first == list(range(1, last + 1)), "what is there comes in one frame"
        live = [await position(http, contract, move) for move in ("resume", "pause")]
        found: list[object] = []
        while len(found) < len(live):
            found += [message["position"] for message in await frame(client)]
        assert found == live


async def frame(client: Socket) -> list[Message]:
    """What the next frame holds that is no tick."""
    while True:
        said: Message | list[Message] = orjson.loads(await client.connection.recv())
        if isinstance(said, list):
            return said
        assert said["type"] == "Tick"


async def test_a_stream_of_events_has_each_of_them_with_its_own_place(http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    last = await position(http, contract, "start")
    ids = list[str]()
    query = {"since": 0, "together": True}
    async with http.stream("GET", "/contracts/monitor/events", params=query) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("id:"):
                ids.append(line.rpartition(":")[2])
            if ids and ids[-1] == str(last):
                break
    assert ids == [str(number) for number in range(1, last + 1)]


async def test_rows_come_also_while_events_never_cease(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")

    async def traffic() -> None:
        while True:
            await gateways.append(f"contract-{contract}", ContractPaused("lunch", ContractStatus.ACTIVE))
            await gateways.append(f"contract-{contract}", ContractResumed(ContractStatus.ACTIVE))

    async def rows(client: Socket) -> int:
        found = 0
        while found < SEVERAL:
            said: Message | list[Message] = orjson.loads(await client.connection.recv())
            found += isinstance(said, dict) and said["type"] == "Rows"
        return found

    async with watching(gateways, rows=True, together=True) as client, asyncio.TaskGroup() as group:
        ceaseless = group.create_task(traffic())
        async with asyncio.timeout(PATIENCE):
            assert await rows(client) == SEVERAL
        await end(ceaseless)
