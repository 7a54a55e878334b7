"""A pooler in transaction mode, as small as one can be: all clients share one backend, each for the length of a
transaction.
"""

import asyncio
from asyncio import IncompleteReadError, StreamReader, StreamWriter
from collections.abc import AsyncGenerator, Collection
from contextlib import asynccontextmanager, suppress
from urllib.parse import parse_qs, urlsplit

from makima_local import ports

SSL_REQUEST = 80877103
PROTOCOL = 196608  # 3.0
TERMINATE, QUERY, SYNC, FLUSH, READY, IDLE = b"X", b"Q", b"S", b"H", b"Z", b"I"
DESCRIBED = {b"T", b"n", b"E"}  # rows, no rows, an error


class _Backend:
    def __init__(self, reader: StreamReader, writer: StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._free = asyncio.Lock()
        self.greeting = b""

    async def greet(self, user: str, database: str) -> None:
        """Begin the only session; each client gets the same answers."""
        names = b"".join(each.encode() + b"\0" for each in ("user", user, "database", database)) + b"\0"
        self._writer.write((8 + len(names)).to_bytes(4, "big") + PROTOCOL.to_bytes(4, "big") + names)
        while not self.greeting.endswith(b"\0\0\0\5" + IDLE):
            self.greeting += await _message(self._reader)

    async def serve(self, reader: StreamReader, writer: StreamWriter) -> None:
        with suppress(IncompleteReadError, ConnectionError):
            while int.from_bytes((await _startup(reader))[:4], "big") == SSL_REQUEST:
                writer.write(b"N")
            writer.write(self.greeting)
            while (message := await _message(reader))[:1] != TERMINATE:
                async with self._free:
                    await self._transaction(message, reader, writer)
        writer.close()

    async def _transaction(self, message: bytes, reader: StreamReader, writer: StreamWriter) -> None:
        while True:
            self._writer.write(message)
            if message[:1] == FLUSH:  # asks for the description of a statement
                await self._answers(writer, DESCRIBED)
            if message[:1] in {SYNC, QUERY} and await self._answers(writer, {READY}) == IDLE:
                return
            message = await _message(reader)

    async def _answers(self, writer: StreamWriter, last: Collection[bytes]) -> bytes:
        """Pass on what the backend answers, up to one of these; the end of that: of `READY` the backend's state."""
        while True:
            answer = await _message(self._reader)
            writer.write(answer)
            if answer[:1] in last:
                return answer[-1:]


async def _startup(reader: StreamReader) -> bytes:
    return await reader.readexactly(int.from_bytes(await reader.readexactly(4), "big") - 4)


async def _message(reader: StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[1:], "big") - 4)


@asynccontextmanager
async def transaction_pooler(dsn: str) -> AsyncGenerator[str]:
    """The DSN of the database behind a pooler."""
    parts = urlsplit(dsn)
    query = {name: values[0] for name, values in parse_qs(parts.query).items()}
    user, database = query.get("user", "postgres"), parts.path.lstrip("/")
    path = f"{query['host']}/.s.PGSQL.{query.get('port', '5432')}"
    backend = _Backend(*await asyncio.open_unix_connection(path))
    await backend.greet(user, database)
    port = ports.free()
    async with await asyncio.start_server(backend.serve, ports.LOOPBACK, port):
        yield f"postgresql://{user}@{ports.LOOPBACK}:{port}/{database}"
