"""Many monitor sockets that note how late each message is, and one that never reads."""

import asyncio
import socket
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from urllib.parse import urlsplit

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

AT_ONCE = 50  # handshakes


@dataclass(slots=True)
class Watchers:
    """`latencies` in ms, from the time that the message names to its arrival."""

    connected: int = 0
    noting: bool = False
    latencies: list[float] = field(default_factory=list[float])

    async def read(self, connection: ClientConnection) -> None:
        try:
            async for message in connection:
                now = time.time()
                if self.noting:
                    said = orjson.loads(message)
                    if "timestamp" in said:
                        self.latencies.append(
                            (now - datetime.fromisoformat(said["timestamp"]).timestamp()) * 1000
                        )
        except ConnectionClosed:
            self.connected -= 1


@asynccontextmanager
async def watching(url: str, groups: Sequence[str], count: int) -> AsyncGenerator[Watchers]:
    """`count` sockets, each on one of the groups."""
    watchers, turn = Watchers(), asyncio.Semaphore(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def open_one(number: int) -> ClientConnection:
            async with turn:
                connection = await connect(
                    url, compression=None, ping_interval=None, open_timeout=60, close_timeout=1
                )
                await connection.send(orjson.dumps({"contract_ids": [groups[number % len(groups)]]}).decode())
                return connection

        connections = await asyncio.gather(*(open_one(number) for number in range(count)))
        for connection in connections:
            stack.push_async_callback(connection.close)
        watchers.connected = len(connections)
        async with asyncio.TaskGroup() as readers:
            reading = [readers.create_task(watchers.read(connection)) for connection in connections]
            yield watchers
            for each in reading:
                each.cancel()


def stalled(url: str) -> socket.socket:
    """An event stream that is asked for, and after its first word never read."""
    parts = urlsplit(url)
    raw = socket.socket()
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    raw.connect((parts.hostname, parts.port))
    raw.sendall(f"GET {parts.path}?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    if not (status := raw.recv(12)).endswith(b" 200"):
        raise RuntimeError(f"the stream was refused: {status!r}")
    return raw
