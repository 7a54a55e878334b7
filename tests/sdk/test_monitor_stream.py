"""The monitor as an iterator: what happens comes in order, and after a cut nothing is missing and nothing comes twice."""

import asyncio
from contextlib import aclosing, suppress

import pytest
from makima_local import ports
from makima_sdk import Connection, Contracts, Filter, MonitorEvent, UnreachableError, monitor


async def test_what_happens_comes_in_the_order_of_the_log(connection: Connection, contracts: Contracts) -> None:
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


class Proxy:
    """Stands between client and server, and can cut the line."""

    def __init__(self, target: int) -> None:
        self.port = ports.free()
        self._target = target
        self._lines: list[asyncio.StreamWriter] = []

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._join, "127.0.0.1", self.port)

    def cut(self) -> None:
        while self._lines:
            self._lines.pop().transport.abort()

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._lines += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65536):
                sink.write(chunk)
                await sink.drain()


async def test_after_a_cut_it_goes_on_where_it_was(connection: Connection, contracts: Contracts) -> None:
    made = await contracts.create("watched")
    proxy = Proxy(int(connection.url.rsplit(":", 1)[1]))
    async with await proxy.serve():
        seen: list[tuple[object, object]] = []
        async with aclosing(monitor(Connection(url=f"http://127.0.0.1:{proxy.port}"))) as events:
            assert (await anext(events))["type"] == "hello"
            await contracts.act(made.id, "start")
            seen.append(_status(await anext(events)))
            proxy.cut()
            await contracts.act(made.id, "pause")
            await contracts.act(made.id, "resume")
            async for event in events:
                if event["type"] != "hello":
                    seen.append(_status(event))
                if len(seen) == 3:
                    break
        proxy.cut()
    assert seen == [("active", 2), ("paused", 3), ("active", 4)]


def _status(event: MonitorEvent) -> tuple[object, object]:
    return event["new_status"], event["position"]


async def test_nobody_there_is_told_when_patience_ends() -> None:
    with pytest.raises(UnreachableError):
        async with aclosing(monitor(Connection(url=f"http://127.0.0.1:{ports.free()}"), patience=0.3)) as events:
            await anext(events)
