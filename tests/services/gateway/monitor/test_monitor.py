"""The monitor socket: hello, replay, live, with no gap and no repeat, whatever is written meanwhile."""

import asyncio
from typing import cast

import asyncpg
import httpx
import pytest
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.silence import StaleCleared, StaleDetected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from nats.aio.client import Client
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.services.gateway.harness import Gateways, act, created, position, running, until_closed
from tests.services.gateway.monitor.monitor_client import Socket, has_applied, watching
from tests.services.gateway.read_model.random_logs import BEGIN


async def test_a_socket_is_told_what_happens_as_it_happens(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with watching(gateways) as client:
        assert client.received[0] == {
            "type": "hello",
            "epoch": str(await gateways.log.epoch()),
            "position": 0,
        }
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        await http.post(f"/contracts/{contract}/deliverables/plan-document/complete")
        await http.post(f"/contracts/{contract}/phase", json={"phase": "execute"})
        task = (await http.post(f"/contracts/{contract}/tasks", json={"name": "write"})).json()["id"]
        await http.post(f"/contracts/{contract}/tasks/{task}/complete", json={"success": False})
        question = (await http.post(f"/contracts/{contract}/questions", json={"question": "why?"})).json()[
            "id"
        ]
        last = await position(http, contract, "pause", reason="lunch")
        told = await client.until(last)
    assert all(
        message.pop("contract_id") == contract
        and message.pop("name") == "a contract"
        and str(message.pop("timestamp")).endswith("Z")
        for message in told
    )
    assert [message.pop("waiting_for") for message in told if message["type"] == "StatusChanged"] == [
        None,
        None,
        "question",
        None,
    ]
    assert told == [
        {"type": "StatusChanged", "position": 1, "old_status": None, "new_status": "created", "reason": None},
        {
            "type": "StatusChanged",
            "position": 2,
            "old_status": "created",
            "new_status": "active",
            "reason": None,
        },
        {"type": "DeliverableCompleted", "position": 3, "phase": "plan", "deliverable_id": "plan-document"},
        {"type": "PhaseChanged", "position": 4, "old_phase": "plan", "new_phase": "execute"},
        {"type": "TaskCompleted", "position": 6, "task_id": task, "task_name": "write", "success": False},
        {
            "type": "QuestionAsked",
            "position": 7,
            "question_id": question,
            "question": "why?",
            "question_type": "text",
        },
        {
            "type": "StatusChanged",
            "position": 8,
            "old_status": "active",
            "new_status": "waiting_for_input",
            "reason": None,
        },
        {
            "type": "StatusChanged",
            "position": 9,
            "old_status": "waiting_for_input",
            "new_status": "paused",
            "reason": "lunch",
        },
    ]


async def test_what_other_services_find_is_told_too(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    async with watching(gateways) as client:
        await gateways.append(
            "supervisor-s1", SupervisorRegistered(contract, "d1", None, SupervisorState.WORKING, "plan")
        )
        await gateways.append(f"silence-{contract}", StaleDetected(contract, BEGIN, 1800.0, 1801.5))
        last = await gateways.append(f"silence-{contract}", StaleCleared(contract))
        told = [
            message for message in await client.until(last) if message["position"] != 1
        ]  # its creation may be told only now
    for message in told:
        message.pop("timestamp")
        assert message.pop("name") == "a contract"
    assert told == [
        {"type": "SupervisorStateChanged", "position": 2, "contract_id": contract, "supervisor_task_id": "s1", "old_state": None, "new_state": "working"},
        {"type": "StaleDetected", "position": 3, "contract_id": contract, "last_activity": "2026-01-31T10:30:00.000000Z", "stale_duration": 1801.5},
        {"type": "StaleCleared", "position": 4, "contract_id": contract},
    ]  # fmt: skip


async def test_filters_can_change_on_the_open_socket(gateways: Gateways, http: httpx.AsyncClient) -> None:
    one, two = [str((await created(http))["id"]) for _ in range(2)]
    async with watching(gateways, contract_ids=[one]) as client:
        await eventually(lambda: has_applied(client, {"contract_ids": [one]}))
        await act(http, two, "start")
        first = await position(http, one, "start")
        assert [message["contract_id"] for message in await client.until(first)] == [one]
        await client.ask(statuses=["paused"])
        await eventually(lambda: has_applied(client, {"statuses": ["paused"]}))
        await act(http, one, "fail")
        await act(http, two, "pause")
        last = await position(http, two, "resume")
        assert [(message["old_status"], message["new_status"]) for message in await client.until(last)] == [
            ("active", "paused"),
            ("paused", "active"),
        ]
        await client.ask(include_stale=False)
        await eventually(lambda: has_applied(client, {"include_stale": False}))
        await gateways.append(f"silence-{two}", StaleDetected(two, BEGIN, 1800.0, 1801.5))
        last = await position(http, two, "pause")
        assert [message["type"] for message in await client.until(last)] == ["StatusChanged"]


async def test_hello_comes_first_also_to_one_who_speaks_at_once(gateways: Gateways) -> None:
    for _ in range(20):
        async with connect(gateways.sockets[0]) as connection:
            client = Socket(connection)
            await connection.send("nonsense")
            assert [(await client.next())["type"] for _ in range(2)] == ["hello", "problem"]


async def test_what_was_missed_is_replayed_in_order_and_then_it_goes_on(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    seen = await position(http, contract, "start")
    missed = [await position(http, contract, action) for action in ("pause", "resume", "block", "unblock")]
    async with watching(gateways, since=seen) as client:
        assert [message["position"] for message in await client.until(missed[-1])] == missed
        live = await position(http, contract, "fail")
        assert [message["position"] for message in await client.until(live)] == [live]


async def test_under_concurrent_writes_nothing_is_missed_and_nothing_comes_twice(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats, replicas=2) as gateways:
        stop = asyncio.Event()

        async def write(client: httpx.AsyncClient) -> None:
            contract = str((await created(client))["id"])
            while not stop.is_set():
                await act(client, contract, "pause")
                await act(client, contract, "resume")

        async def watch(replica: int) -> list[int]:
            """Connects again and again, each time from where it was."""
            positions: list[int] = []
            for _ in range(6):
                async with watching(gateways, replica, since=positions[-1] if positions else 0) as client:
                    for _ in range(25):
                        message = await client.next()
                        assert message["type"] == "StatusChanged"
                        positions.append(cast("int", message["position"]))
            return positions

        async with asyncio.TaskGroup() as group:
            writers = [group.create_task(write(client)) for client in gateways.clients * 3]
            watchers = [group.create_task(watch(number % 2)) for number in range(4)]
            for watcher in watchers:
                await watcher
            stop.set()
        assert all(writer.done() for writer in writers)
        everything = [
            row["position"]
            for row in await pool.fetch("select position from gateway.monitor_events order by position")
        ]
        for watcher in watchers:
            assert watcher.result() == everything[: len(watcher.result())]


async def test_sockets_are_closed_with_a_handshake_when_the_gateway_stops(
    settings: Settings, pool: asyncpg.Pool, nats: Client
) -> None:
    async with running(settings, pool, nats) as gateways:
        connection = await connect(gateways.sockets[0])
        await Socket(connection).next()
    with pytest.raises(ConnectionClosed) as closed:
        await until_closed(connection)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    assert closed.value.rcvd_then_sent
