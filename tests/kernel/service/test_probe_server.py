"""Who connects to the health port and asks nothing keeps nobody out, and no thread."""

import asyncio
from collections.abc import Iterator

import pytest
from makima_kernel.service import probe_server
from makima_kernel.service.health import Health, HealthServer
from makima_kernel.testing import PATIENCE

from tests.plain_http import plain_client


@pytest.fixture
def port() -> Iterator[int]:
    with HealthServer(Health(), "127.0.0.1", 0) as server:
        yield server.port


async def livez(port: int) -> int:
    async with plain_client() as client:
        return (await client.get(f"http://127.0.0.1:{port}/livez")).status_code


async def test_a_connection_that_asks_nothing_is_cut_after_its_time(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a token nobody keeps a thread."""
    monkeypatch.setattr(probe_server, "PROBE_TIMEOUT_SECONDS", 0.2)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /live")
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
    writer.close()


async def test_many_connections_that_ask_nothing_keep_no_probe_out(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(probe_server, "MAX_PROBES", 4)
    monkeypatch.setattr(probe_server, "PROBE_TIMEOUT_SECONDS", 2 * PATIENCE)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for _ in range(8):
        await livez(port)
    writer.write(b"GET /livez HTTP/1.0\r\n\r\n")
    assert b" 200 " in await reader.readline(), "probes that were answered do not count"
    writer.close()
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
    async with asyncio.timeout(PATIENCE):
        assert [await reader.read() for reader, _ in silent[:16]] == [b""] * 16
    assert await livez(port) == 200
    for _, writer in silent:
        writer.close()
