"""An HTTP server that answers what a test tells it to."""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

Reply = Callable[[str], tuple[int, str]]
ReplyToBody = Callable[[str, bytes], tuple[int, str]]
_LENGTH = re.compile(r"^content-length: (\d+)", re.IGNORECASE | re.MULTILINE)


@asynccontextmanager
async def server(port: int, reply: Reply) -> AsyncGenerator[None]:
    """A server that answers each request with what `reply` makes of its head."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        status, body = reply(head)
        writer.write(
            f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
        )
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port):
        yield


@asynccontextmanager
async def body_server(port: int, reply: ReplyToBody, *, header: str = "X: x") -> AsyncGenerator[None]:
    """A server that answers each request with what `reply` makes of its path and body, and with one more header."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = _LENGTH.search(head)
        status, body = reply(head.split(" ")[1], await reader.readexactly(int(length[1]) if length else 0))
        answer = f"HTTP/1.1 {status} x\r\n{header}\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        writer.write(answer.encode())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(handle, "127.0.0.1", port):
        yield
