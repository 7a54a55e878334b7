"""A client of the monitor WebSocket, and a gateway whose connections hold little."""

import asyncio
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import cast

import orjson
from makima_kernel.testing import PATIENCE
from websockets.asyncio.client import ClientConnection, connect

from tests.services.gateway.harness import Gateways

Message = dict[str, object]


class Socket:
    """A client that keeps what it was told, and passes over ticks unless it wants them."""

    def __init__(self, connection: ClientConnection, *, ticks: bool = False) -> None:
        self.connection = connection
        self._ticks = ticks
        self.received: list[Message] = []

    async def ask(self, **filters: object) -> None:
        await self.connection.send(orjson.dumps(filters).decode())

    async def next(self, timeout: float = PATIENCE) -> Message:
        async with asyncio.timeout(timeout):
            message = cast("Message", orjson.loads(await self.connection.recv()))
            while message["type"] == "Tick" and not self._ticks:
                message = cast("Message", orjson.loads(await self.connection.recv()))
        self.received.append(message)
        return message

    async def until(self, position: int) -> list[Message]:
        """Everything up to and with the message of that position."""
        found: list[Message] = []
        while not found or cast("int", found[-1].get("position", 0)) < position:
            found.append(await self.next())
        return found


@asynccontextmanager
async def watching(
    gateways: Gateways, replica: int = 0, *, ticks: bool = False, **filters: object
) -> AsyncGenerator[Socket]:
    """A socket after its hello, and its filter."""
    async with connect(gateways.sockets[replica]) as connection:
        client = Socket(connection, ticks=ticks)
        hello = await client.next()
        assert hello["type"] == "hello"
        if filters:
            await client.ask(**filters)
        yield client


@asynccontextmanager
async def narrow(url: str) -> AsyncGenerator[Socket]:
    """A client with hardly any room for what it has not read yet."""
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    host, port = url.removeprefix("ws://").partition("/")[0].split(":")
    raw.connect((host, int(port)))
    async with connect(url, sock=raw, max_queue=1) as connection:
        yield Socket(connection)


async def has_applied(client: Socket, filters: dict[str, object]) -> bool:
    """A message that is refused comes back after those before it were taken: then they are in force."""
    await client.connection.send("nonsense")
    message = await client.next()
    assert (message["type"], message["code"]) == ("problem", "INVALID_REQUEST"), filters
    return True
