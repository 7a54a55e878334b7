"""The monitor as an iterator: what happens comes in order, and after a cut nothing is missing and nothing
comes twice.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import cast

import orjson
import pytest
from makima_kernel.testing import PATIENCE, eventually
from makima_local import ports
from makima_sdk import Connection, Contracts, Filter, MonitorEvent, ProblemError, UnreachableError, monitor
from websockets.asyncio import server as ws
from websockets.asyncio.server import ServerConnection
from websockets.http11 import Response

from tests.lateness import measured
from tests.sdk.proxy import Proxy
from tests.services.gateway.harness import ADMIN


async def test_what_happens_comes_in_the_order_of_the_log(
    connection: Connection, contracts: Contracts
) -> None:
    seen: list[tuple[object, object]] = []
    async with aclosing(monitor(connection)) as events:
        assert (await anext(events))["type"] == "hello"
        made = await contracts.create("watched")
        await contracts.act(made.id, "start")
        await contracts.act(made.id, "pause")
        async for event in events:
            seen.append((event["old_status"], event["new_status"]))
            if event["new_status"] == "paused":
                break
    assert seen == [(None, "created"), ("created", "active"), ("active", "paused")]


async def test_since_replays_what_was_missed(connection: Connection, contracts: Contracts) -> None:
    made = await contracts.create("watched")
    other = await contracts.create("not watched")
    for contract in (made, other):
        await contracts.act(contract.id, "start")
    statuses: list[object] = []
    async with aclosing(monitor(connection, Filter(contract_ids=(made.id,)), since=0)) as events:
        assert (await anext(events))["type"] == "hello"
        async for event in events:
            assert event["contract_id"] == made.id
            statuses.append(event["new_status"])
            if len(statuses) == 2:
                break
    assert statuses == ["created", "active"]


async def test_after_a_cut_it_goes_on_where_it_was(connection: Connection, contracts: Contracts) -> None:
    made = await contracts.create("watched")
    proxy = Proxy(int(connection.url.rsplit(":", 1)[1]))
    async with await proxy.serve():
        seen: list[tuple[object, object]] = []
        there = Connection(url=f"http://127.0.0.1:{proxy.port}", token=ADMIN)
        async with aclosing(monitor(there, since=0)) as events:
            assert (await anext(events))["type"] == "hello"
            await contracts.act(made.id, "start")
            seen += [_status(await anext(events)) for _ in range(2)]
            proxy.cut()
            await contracts.act(made.id, "pause")
            await contracts.act(made.id, "resume")
            async for event in events:
                if event["type"] != "hello":
                    seen.append(_status(event))
                if len(seen) == 4:
                    break
        proxy.cut()
    assert seen == [("created", 1), ("active", 2), ("paused", 3), ("active", 4)]


def _status(event: MonitorEvent) -> tuple[object, object]:
    return event["new_status"], event["position"]


Said = Mapping[str, object]


@asynccontextmanager
async def telling(*connections: Sequence[Said]) -> AsyncGenerator[tuple[Connection, list[Said]]]:
    """A server whose n-th connection says the n-th messages, then breaks off; and what it was asked each
    time.
    """
    asked: list[Said] = []

    async def serve(socket: ServerConnection) -> None:
        asked.append(cast("Said", orjson.loads(await socket.recv())))
        for message in connections[len(asked) - 1] if len(asked) <= len(connections) else ():
            await socket.send(orjson.dumps(message).decode())
        await socket.close(1001)

    async with ws.serve(serve, "127.0.0.1", 0) as server:
        yield Connection(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"), asked


HELLO: Said = {"type": "hello", "epoch": "e1", "position": 7}
RESET: Said = {"type": "reset", "reason": "another epoch", "epoch": "e2", "position": 3}


async def test_ticks_come_only_to_who_asks_for_them() -> None:
    tick: Said = {"type": "Tick", "position": 9, "lag_ms": 120}
    event: Said = {"type": "x", "position": 8, "contract_id": "c"}
    for ticks, expected in ((False, [HELLO, event]), (True, [HELLO, tick, event])):
        async with telling([HELLO, tick, event]) as (connection, asked):
            async with aclosing(monitor(connection, ticks=ticks)) as events:
                assert [await anext(events) for _ in expected] == expected
                going_on = asyncio.ensure_future(anext(events))
                await eventually(lambda asked=asked: len(asked) > 1)
                going_on.cancel()
                await asyncio.wait([going_on])
            assert asked[1]["since"] == 8, "a tick is no place in the log"


async def test_a_cut_after_a_reset_goes_on_from_where_the_reset_was() -> None:
    async with telling([HELLO, RESET]) as (connection, asked), aclosing(monitor(connection)) as events:
        told = [await anext(events) for _ in range(2)]
        going_on = asyncio.ensure_future(anext(events))
        await eventually(lambda: len(asked) > 1)
        going_on.cancel()
        await asyncio.wait([going_on])
    assert told == [HELLO, RESET]
    assert (asked[1]["since"], asked[1]["epoch"]) == (3, "e2")


async def test_a_place_keeps_its_epoch_until_a_reset_says_otherwise() -> None:
    """Cut between the hello of another log and its reset: the place is still the old log's."""
    hello = {"type": "hello", "epoch": "e2", "position": 9}
    async with telling([HELLO], [hello]) as (connection, asked), aclosing(monitor(connection)) as events:
        assert [await anext(events) for _ in range(2)] == [HELLO, hello]
        going_on = asyncio.ensure_future(anext(events))
        await eventually(lambda: len(asked) > 2)
        going_on.cancel()
        await asyncio.wait([going_on])
    assert (asked[2]["since"], asked[2]["epoch"]) == (7, "e1")


async def test_a_place_can_say_of_which_log_it_is() -> None:
    """So that who kept it in a file, from before a restore, is told `reset` instead of other events."""
    hello = {"type": "hello", "epoch": "e2", "position": 9}
    async with (
        telling([hello, RESET]) as (connection, asked),
        aclosing(monitor(connection, since=7, epoch="e1")) as events,
    ):
        assert [await anext(events) for _ in range(2)] == [hello, RESET]
    assert (asked[0]["since"], asked[0]["epoch"]) == (7, "e1")


async def test_a_replay_can_be_left_at_once() -> None:
    """The server's goodbye stands behind thousands of messages that nobody reads any more."""

    async def replay(socket: ServerConnection) -> None:
        await socket.recv()
        await socket.send(orjson.dumps(HELLO).decode())
        for position in range(10_000):
            await socket.send(
                orjson.dumps({"type": "x", "position": position, "text": "x" * 10_000}).decode()
            )

    async with ws.serve(replay, "127.0.0.1", 0) as server:
        connection = Connection(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        events = monitor(connection)
        assert await anext(events) == HELLO
        async with measured() as late:
            began = asyncio.get_running_loop().time()
            await events.aclose()
            assert asyncio.get_running_loop().time() - began < late.allowed(5)
        server.close(close_connections=True)


async def test_a_server_that_stays_broken_is_given_up_when_patience_ends() -> None:
    async def broken(socket: ServerConnection, _request: object) -> Response:
        return socket.respond(503, "overloaded")

    async def never(_socket: ServerConnection) -> None: ...

    async with ws.serve(never, "127.0.0.1", 0, process_request=broken) as server:
        connection = Connection(url=f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(ProblemError) as refused:
            async with asyncio.timeout(PATIENCE), aclosing(monitor(connection, patience=0.3)) as events:
                await anext(events)
    assert refused.value.status == 503


async def test_nobody_there_is_told_when_patience_ends() -> None:
    with pytest.raises(UnreachableError):
        async with aclosing(
            monitor(Connection(url=f"http://127.0.0.1:{ports.free()}"), patience=0.3)
        ) as events:
            await anext(events)
