"""Stands between a client and a server of the tests, and can cut them off from each other."""

import asyncio
from contextlib import suppress

from makima_local import ports


class Proxy:
    """Stands between client and server, and can cut the line."""

    def __init__(self, target: int) -> None:
        self.port = ports.free()
        self._target = target
        self._lines: list[asyncio.StreamWriter] = []
        self.is_away = False  # True: whoever comes is cut off
        self.answers = asyncio.Event()  # cleared: what is asked arrives, and what is answered waits here
        self.answers.set()

    async def serve(self) -> asyncio.Server:
        return await asyncio.start_server(self._join, "127.0.0.1", self.port)

    def cut(self) -> None:
        while self._lines:
            self._lines.pop().transport.abort()

    def take_away(self) -> None:
        """Until `bring_back`, nobody gets through."""
        self.is_away = True
        self.cut()

    def bring_back(self) -> None:
        self.is_away = False

    async def _join(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            writer.transport.abort()
            return
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._lines += [writer, far_writer]
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer, self.answers))

    async def _pump(
        self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, goes_on: asyncio.Event | None = None
    ) -> None:
        with suppress(ConnectionError):
            while chunk := await source.read(65536):
                if goes_on is not None:
                    await goes_on.wait()
                sink.write(chunk)
                await sink.drain()
        sink.close()  # who waits for the other side to hang up is told
