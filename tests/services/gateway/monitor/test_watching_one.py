"""Who watches one contract among many is woken for that one alone, and misses nothing of it, also while its
filter changes.
"""

import asyncio
from itertools import cycle
from typing import cast

import asyncpg
import httpx
from makima_gateway.monitor.subscriptions import Subscription, SubscriptionIndex
from makima_kernel.service.settings import Settings
from nats.aio.client import Client

from tests.background import end
from tests.services.gateway.harness import act, created, running
from tests.services.gateway.monitor.monitor_client import watching

HEARD = 40


async def test_who_watches_one_contract_hears_all_of_it(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats) as gateways:
        http = gateways.clients[0]
        contracts = [str((await created(http))["id"]) for _ in range(5)]
        others = contracts[-1]

        async def write(client: httpx.AsyncClient, contract: str) -> None:
            for action in cycle(("pause", "resume")):
                await act(client, contract, action)

        async def watch(contract: str, *, restless: bool) -> list[int]:
            """Its positions, as they were told; a restless one asks for another contract besides, and then no
            more, all the time.
            """
            positions: list[int] = []
            async with watching(gateways, contract_ids=[contract], since=0) as client:
                while len(positions) < HEARD:
                    message = await client.next()
                    if message["contract_id"] == contract:
                        positions.append(cast("int", message["position"]))
                    if restless:
                        await client.ask(
                            contract_ids=[contract, others] if len(positions) % 2 else [contract]
                        )
            return positions

        async with asyncio.TaskGroup() as group:
            writers = [group.create_task(write(http, contract)) for contract in contracts]
            watchers = {
                (contract, restless): group.create_task(watch(contract, restless=restless))
                for contract in contracts[:-1]
                for restless in (False, True)
            }
            for watcher in watchers.values():
                await watcher
            await end(*writers)
        for (contract, _), watcher in watchers.items():
            rows = await pool.fetch(
                "select position from gateway.monitor_events where contract_id = $1 order by position",
                contract,
            )
            assert watcher.result() == [row["position"] for row in rows][:HEARD]


def test_an_ear_wakes_for_what_concerns_it_and_says_from_where() -> None:
    ears, one, everything = SubscriptionIndex(), Subscription(), Subscription()
    ears.subscribe(one, frozenset({"a", "b"}))
    ears.subscribe(everything, None)
    ears.notify([(7, "c"), (8, "b"), (9, "a")])
    assert (one.wake.is_set(), one.first, everything.wake.is_set(), everything.first) == (True, 8, True, 7)
    one.rearm()
    ears.notify([(10, "c")])
    assert (one.wake.is_set(), one.first) == (False, None)
    ears.subscribe(one, frozenset({"c"}))
    ears.notify([(11, "a"), (12, "c")])
    assert (one.wake.is_set(), one.first) == (True, 12)
    one.rearm()
    ears.unsubscribe(one)
    ears.notify([(13, "c")])
    ears.notify_all()
    assert not one.wake.is_set()
