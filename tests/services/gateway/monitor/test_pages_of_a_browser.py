"""What a page in a browser lives on: ticks, rows, and heartbeats of what is in sight."""

import asyncio
from typing import cast

import httpx
import orjson
from makima_gateway.monitor.pulse import TICK_INTERVAL_SECONDS
from makima_kernel.testing import eventually
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState
from websockets.asyncio.client import connect

from tests.services.gateway.harness import Gateways, act, created, items, position
from tests.services.gateway.monitor.monitor_client import Message, Socket, watching


async def next_of(client: Socket, kind: str) -> Message:
    while (message := await client.next())["type"] != kind:
        pass
    return message


async def test_a_socket_says_each_second_that_it_lives_and_how_far_it_is(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with watching(gateways, ticks=True, contract_ids=["nobody"]) as client:
        first, second = await next_of(client, "Tick"), await next_of(client, "Tick")
        assert TICK_INTERVAL_SECONDS == 1.0, "a page takes three seconds without one for a lost connection"
        assert set(second) == {
            "type",
            "position",
            "head",
            "timestamp",
            "lag_ms",
            "watermark_age_ms",
            "verdicts_held",
            "verdicts_held_until",
        }
        assert (second["position"], second["lag_ms"]) == (second["head"], 0)
        assert str(first["timestamp"]) < str(second["timestamp"])
        last = await position(http, str((await created(http))["id"]), "start")
        while (tick := await next_of(client, "Tick"))["position"] != last:
            pass
        assert tick["head"] == last, "also what the filter leaves out counts as told"


async def test_a_stream_of_events_has_ticks_that_are_no_place_to_resume(http: httpx.AsyncClient) -> None:
    async with http.stream("GET", "/contracts/monitor/events") as stream:
        block = list[str]()
        async for line in stream.aiter_lines():
            block = [*block, line] if line else []
            if "event: Tick" in block and len(block) > 1:
                break
    assert not any(line.startswith("id:") for line in block)


async def test_rows_say_what_the_list_says_also_of_changes_that_have_no_message(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    async with watching(gateways, rows=True) as client:
        contract = str((await created(http))["id"])
        await act(http, contract, "start")
        await http.post(f"/contracts/{contract}/tasks", json={"name": "write"})

        async def shown() -> bool:
            message = await next_of(client, "Rows")
            rows = cast("list[Message]", message["rows"])
            return cast("Message", rows[-1]["tasks"])["pending"] == 1

        await eventually(shown)
        listed = await items(http, "/contracts", view="row")
        last = next(each for each in reversed(client.received) if each["type"] == "Rows")
        assert last["rows"] == listed
        assert set(listed[0]) == {
            "id",
            "name",
            "status",
            "phase",
            "phase_index",
            "phase_count",
            "version",
            "waiting_for",
            "reason",
            "stale",
            "tasks",
            "progress_at",
            "created_at",
            "supervisor",
        }


async def test_rows_are_the_latest_of_each_contract_and_five_times_a_second_at_most(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    contract = str((await created(http))["id"])
    async with watching(gateways, rows=True) as client:
        began = asyncio.get_running_loop().time()
        for _ in range(10):
            await act(http, contract, "start" if _ == 0 else "pause" if _ % 2 else "resume")
        version = 0
        while version < 11:
            rows = cast("list[Message]", (await next_of(client, "Rows"))["rows"])
            assert len(rows) == 1
            assert cast("int", rows[0]["version"]) >= version, "never an older one after a newer one"
            version = cast("int", rows[0]["version"])
        passed = asyncio.get_running_loop().time() - began
    told = [each for each in client.received if each["type"] == "Rows"]
    assert len(told) <= passed / 0.2 + 2


async def test_a_page_that_comes_back_gets_the_rows_of_what_changed_meanwhile(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    before, changed, gone = [str((await created(http))["id"]) for _ in range(3)]
    at = await position(http, gone, "start")
    await http.post(f"/contracts/{changed}/tasks", json={"name": "write"})
    for action in ("complete", "archive"):
        await act(http, gone, action)
    assert (await http.delete(f"/contracts/{gone}")).status_code == 204
    async with connect(gateways.sockets[0]) as connection:
        client = Socket(connection)
        await client.next()
        await client.ask(rows=True, since=at)
        message = await next_of(client, "Rows")
        deleted = [each for each in client.received if each.get("new_status", "") is None]
        while not deleted:
            deleted = [each for each in (await client.next(),) if each.get("new_status", "") is None]
    ids = [row["id"] for row in cast("list[Message]", message["rows"])]
    assert changed in ids
    assert before not in ids
    assert [each["contract_id"] for each in deleted] == [gone]
    assert deleted[0]["name"] == "a contract", "nobody can look it up any more"


async def test_a_row_that_leaves_the_filter_is_removed(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    async with watching(gateways, rows=True, statuses=["active"]) as client:
        await act(http, contract, "start")
        message = await next_of(client, "Rows")
        assert [row["status"] for row in cast("list[Message]", message["rows"])] == ["active"]
        await act(http, contract, "pause")
        message = await next_of(client, "Rows")
        assert (message["rows"], message["removed"]) == ([], [contract])


async def test_an_answer_is_told_and_what_is_waited_for(gateways: Gateways, http: httpx.AsyncClient) -> None:
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    async with watching(gateways) as client:
        asked = await http.post(f"/contracts/{contract}/questions", json={"question": "why?"})
        while (waiting := await next_of(client, "StatusChanged"))["new_status"] != "waiting_for_input":
            pass  # its start may be told only now
        question = str(asked.json()["id"])
        await http.post(f"/contracts/{contract}/questions/{question}/answer", json={"answer": "because"})
        answered = await next_of(client, "QuestionAnswered")
    assert waiting["waiting_for"] == "question"
    assert (answered["contract_id"], answered["question_id"], answered["name"]) == (
        contract,
        question,
        "a contract",
    )


async def test_heartbeats_of_what_is_in_sight_come_apart_from_the_filter(
    gateways: Gateways, http: httpx.AsyncClient
) -> None:
    seen, other = [str((await created(http, name=name))["id"]) for name in ("seen", "other")]
    for contract in (seen, other):
        await gateways.append(
            f"supervisor-s-{contract}",
            SupervisorRegistered(contract, "daemon-1", "c1", SupervisorState.WORKING, "plan"),
        )
    feed = gateways.replicas[0]
    async with watching(gateways, contract_ids=[other], heartbeats_of=[seen]) as client:
        await act(http, other, "start")  # once it is told, the filter holds
        await next_of(client, "StatusChanged")
        for contract in (other, seen):
            await feed.nats.publish(
                f"makima.state.supervisor.s-{contract}",
                orjson.dumps(
                    {
                        "contract_id": contract,
                        "daemon_id": "daemon-1",
                        "connection_id": "c1",
                        "state": "working",
                        "last_heartbeat": "2026-01-31T10:30:00.000000Z",
                    }
                ),
            )
        beat = await next_of(client, "Heartbeat")
    assert (beat["contract_id"], beat["name"]) == (seen, "seen")
    assert (beat["role"], beat["daemon_id"], beat["connection_id"]) == ("supervisor", "daemon-1", "c1")
