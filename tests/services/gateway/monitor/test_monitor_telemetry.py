"""Heartbeats and reminders of stale contracts on the monitor socket, for those who ask for them."""

import httpx
import orjson
from makima_gateway.monitor.filter import MonitorFilter
from makima_schemas import subjects
from nats.aio.client import Client

from tests.services.gateway.harness import Gateways, created, position
from tests.services.gateway.monitor.monitor_client import has_applied, watching
from tests.services.gateway.read_model.random_logs import BEGIN


async def test_heartbeats_come_when_they_are_asked_for(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    contract = str((await created(http))["id"])
    state = {
        "contract_id": contract,
        "state": "working",
        "activity": "thinking",
        "progress": 40,
        "last_heartbeat": "2026-01-31T10:30:00.000000Z",
    }
    async with watching(gateways, include_heartbeats=True, contract_ids=[contract]) as client:
        await has_applied(client, {"include_heartbeats": True})
        await nats.publish(
            subjects.state("supervisor", "s2"), orjson.dumps({**state, "contract_id": "another"})
        )
        await nats.publish(subjects.state("supervisor", "s1"), b"no JSON")
        await nats.publish(subjects.state("supervisor", "s1"), orjson.dumps(state))
        assert await client.next() == {
            "type": "Heartbeat", "timestamp": "2026-01-31T10:30:00.000000Z", "contract_id": contract, "state": "working",
            "activity": "thinking", "progress": 40, "name": "a contract", "role": "supervisor", "daemon_id": None, "connection_id": None,
        }  # fmt: skip


async def test_reminders_of_stale_contracts_come_without_a_position(
    gateways: Gateways, http: httpx.AsyncClient, nats: Client
) -> None:
    one, two = [str((await created(http))["id"]) for _ in range(2)]
    started = await position(http, one, "start")

    async def remind(contract: str) -> None:
        said = {"contract_id": contract, "last_activity": BEGIN, "stale_duration": 1801.5}
        await nats.publish(subjects.MONITOR_STALE, orjson.dumps(said))

    async with watching(gateways, contract_ids=[one], since=0) as client:
        await client.until(started)
        await nats.publish(subjects.MONITOR_STALE, b"no JSON")
        await remind(two)
        await remind(one)
        told = await client.next()
        assert str(told.pop("timestamp")).endswith("Z")
        assert told == {
            "type": "StaleDetected", "contract_id": one, "name": "a contract", "last_activity": "2026-01-31T10:30:00.000000Z", "stale_duration": 1801.5,
        }  # fmt: skip
        for status, hidden, heard in (("created", one, two), ("active", two, one)):
            await client.ask(statuses=[status])
            await has_applied(client, {"statuses": [status]})
            await remind(hidden)
            await remind(heard)
            assert (await client.next())["contract_id"] == heard


def test_who_does_not_ask_for_staleness_is_not_reminded() -> None:
    assert MonitorFilter().matches_reminder("c1", None)
    assert not MonitorFilter(include_stale=False).matches_reminder("c1", None)
