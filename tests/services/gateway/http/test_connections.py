"""A connection is answered or closed in time, whatever its client sends or does not read."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final, cast

import pytest
from makima_gateway.http.connections import MAX_HEADER_BYTES
from makima_gateway.http.server import listen, serve
from makima_kernel.service.http_settings import HttpSettings
from makima_kernel.testing import PATIENCE, eventually
from starlette.types import Receive, Scope, Send

LIMITS: Final = HttpSettings(
    max_connections=8, header_timeout_seconds=0.3, body_timeout_seconds=0.3, idle_timeout_seconds=1, write_timeout_seconds=0.3
)  # fmt: skip
MUCH: Final = b"x" * (32 * 1024 * 1024)  # more than the kernel's buffers take
HANDSHAKE: Final = (
    b"GET /socket HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)


class Served:
    """A server with a small application: it reads the body, and answers what the path says."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.ended: list[str] = []  # the paths of requests whose application returned
        self.begun = 0  # requests of which the application has the body
        self.release = asyncio.Event()  # lets the answers of `/held` begin

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if scope["type"] == "websocket":
                await send({"type": "websocket.accept"})
                while True:
                    await send({"type": "websocket.send", "bytes": MUCH})
            while (await receive()).get("more_body", False):
                pass
            self.begun += 1
            if scope["path"] == "/held":
                await self.release.wait()
            answer = MUCH if scope["path"] == "/much" else b"well"
            await send({"type": "http.response.start", "status": 200, "headers": []})
            for _ in range(4):
                await send({"type": "http.response.body", "body": answer, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
        finally:
            self.ended.append(cast("str", scope["path"]))

    async def open(self, sent: bytes = b"") -> "Peer":
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        writer.write(sent)
        return Peer(reader, writer)


class Peer:
    """A client that speaks no protocol."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def rest(self) -> bytes:
        """All that comes until the server closes the connection."""
        read = b""
        async with asyncio.timeout(PATIENCE):
            with suppress(ConnectionError):
                while piece := await self.reader.read(65536):
                    read += piece
        self.writer.close()
        return read


@asynccontextmanager
async def serving(limits: HttpSettings) -> AsyncGenerator[Served]:
    bound = listen("127.0.0.1", 0)
    made, listening = Served(bound.getsockname()[1]), asyncio.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await made.app(scope, receive, send)

    server = asyncio.create_task(
        serve(app, bound, limits, on_listening=listening.set, close_sockets=lambda: None, tls=None)
    )
    await listening.wait()
    yield made
    server.cancel()
    with suppress(asyncio.CancelledError):
        await server


@pytest.fixture
async def served() -> AsyncIterator[Served]:
    """With deadlines that pass soon."""
    async with serving(LIMITS) as made:
        yield made


@pytest.fixture
async def patient() -> AsyncIterator[Served]:
    """With deadlines that do not pass, on a slow machine neither: for what is refused at once."""
    far = HttpSettings(
        header_timeout_seconds=PATIENCE, body_timeout_seconds=PATIENCE, idle_timeout_seconds=int(PATIENCE)
    )
    async with serving(far) as made:
        yield made


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "piece", [b"x", b"x: y\r\n", b"\r\nx: "], ids=["an endless name", "endless headers", "long and short"]
)
async def test_a_header_without_an_end_is_refused(patient: Served, piece: bytes) -> None:
    peer = await patient.open(b"GET / HTTP/1.1\r\nHost: x\r\nz: ")
    for _ in range(2 * MAX_HEADER_BYTES // 1024):
        peer.writer.write(piece * (1024 // len(piece)))
    assert status(await peer.rest()) == 431
    assert not patient.ended, "it never reached the application"


async def test_a_header_without_an_end_is_refused_also_if_it_comes_at_once(patient: Served) -> None:
    """Complete lines before it, in the same piece, do not hide it."""
    peer = await patient.open(b"GET / HTTP/1.1\r\nHost: x\r\nz: " + b"x" * 2 * MAX_HEADER_BYTES)
    assert status(await peer.rest()) == 431


async def test_a_header_at_the_limit_passes_and_one_above_it_does_not(patient: Served) -> None:
    fitting = b"GET / HTTP/1.1\r\nConnection: close\r\nx: " + b"y" * (MAX_HEADER_BYTES - 100) + b"\r\n\r\n"
    assert status(await (await patient.open(fitting)).rest()) == 200
    larger = fitting.replace(b"x: ", b"x: " + b"y" * 100)
    refused = await (await patient.open(larger)).rest()
    assert status(refused) == 431
    assert b"application/problem+json" in refused
    assert b"x-content-type-options: nosniff" in refused


@pytest.mark.parametrize(
    "part",
    [
        b"GET / HT",
        b"GET / HTTP/1.1\r\nHost: x\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nab",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n",
    ],
)
async def test_a_request_that_does_not_come_to_its_end_is_answered_408(served: Served, part: bytes) -> None:
    assert status(await (await served.open(part)).rest()) == 408


async def test_a_connection_on_which_nothing_is_asked_is_closed(served: Served) -> None:
    assert await (await served.open()).rest() == b""


async def test_an_idle_connection_is_closed_after_its_answer(served: Served) -> None:
    assert status(await (await served.open(b"GET / HTTP/1.1\r\n\r\n")).rest()) == 200


async def test_requests_one_after_the_other_and_at_once_are_answered(patient: Served) -> None:
    peer = await patient.open(b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nabGET / HTTP/1.1\r\n\r\n")
    await eventually(lambda: len(patient.ended) == 2)
    peer.writer.write(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")
    assert (await peer.rest()).count(b"HTTP/1.1 200") == 3


async def test_who_does_not_read_is_disconnected(served: Served) -> None:
    peers = [await served.open(b"GET /much HTTP/1.1\r\n\r\n"), await served.open(HANDSHAKE + b"\r\n")]
    await eventually(lambda: sorted(served.ended) == ["/much", "/socket"])
    for peer in peers:
        peer.writer.close()


async def test_connections_without_a_request_make_room_for_one_that_asks(served: Served) -> None:
    idle = [await served.open() for _ in range(20)]
    assert status(await (await served.open(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n")).rest()) == 200
    assert [await peer.rest() for peer in idle] == [b""] * 20


async def test_where_every_connection_has_a_request_another_one_is_refused_and_none_is_cut() -> None:
    limits = HttpSettings(max_connections=8, header_timeout_seconds=PATIENCE)
    async with serving(limits) as served:
        held = [await served.open(b"GET /held HTTP/1.1\r\nConnection: close\r\n\r\n") for _ in range(8)]
        await eventually(lambda: served.begun == 8)
        refused = await (await served.open()).rest()
        assert (status(refused), b"as many connections as it may have" in refused) == (503, True)
        served.release.set()
        assert [status(await peer.rest()) for peer in held] == [200] * 8


@pytest.mark.parametrize(
    ("handshake", "answered"),
    [
        (HANDSHAKE + b"x: " + b"y" * 9000 + b"\r\n\r\n", 431),
        (HANDSHAKE + b"".join(b"x%d: y\r\n" % number for number in range(130)) + b"\r\n", 431),
        (HANDSHAKE.replace(b"/socket", b"/" + b"s" * 9000) + b"\r\n", 431),
        (HANDSHAKE + b"Content-Length: 3\r\n\r\nabc", 400),
        (HANDSHAKE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HANDSHAKE.replace(b"GET", b"POST") + b"\r\n", 405),
        (HANDSHAKE.replace(b"Version: 13", b"Version: 7") + b"\r\n", 400),
        (HANDSHAKE.replace(b"Sec-WebSocket-Key", b"Key") + b"\r\n", 400),
    ],
)
async def test_a_faulty_handshake_is_answered_and_closed(
    patient: Served, handshake: bytes, answered: int
) -> None:
    assert status(await (await patient.open(handshake)).rest()) == answered
