"""`--url` with another address never gets the token of a context."""

import asyncio
import os
import sys
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest
from makima_local import context
from makima_local.context import Context

TOKEN = "mk_of_the_context"
ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 12\r\nConnection: close\r\n\r\n{"items":[]}'


@pytest.mark.parametrize("own", [True, False])
async def test_a_contexts_token_is_sent_to_its_own_address_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, own: bool
) -> None:
    heard: list[bytes] = []

    async def answer(reader: StreamReader, writer: StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(ANSWER)
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        context.remember(
            Context("local", url if own else "http://127.0.0.1:9", "nats://127.0.0.1:9", token=TOKEN)
        )
        clean = {name: value for name, value in os.environ.items() if not name.startswith("MAKIMA_")}
        command = (sys.executable, "-m", "makima_cli.main", "contracts", "list", "--url", url)
        process = await asyncio.create_subprocess_exec(*command, env=clean)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert [TOKEN.encode() in request for request in heard] == [own]
