"""No command sends the token of a context to another address than the context's, whatever `--url` says."""

import asyncio
import os
import shlex
from asyncio import StreamReader, StreamWriter
from pathlib import Path

import pytest
from click.testing import CliRunner
from makima_cli.examples import EXAMPLES
from makima_cli.main import main
from makima_local import context
from makima_local.context import Context

from tests.generated.commands import commands

TOKEN = "mk_of-the-context"
BODY = b'{"code": "CONTRACT_NOT_FOUND", "detail": "no such contract"}'
REFUSAL = b"HTTP/1.1 404 Not Found\r\nContent-Type: application/json\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s"
# They run until they are stopped, or need a file. Their connection is the same one, made by `with_session`.
ELSEWHERE = {"daemon start", "daemon logs", "mcp", "context add"}


def with_url() -> list[str]:
    names = {
        " ".join(words)
        for words, command in commands()
        if any("--url" in each.opts for each in command.params)
    }
    return sorted(names - ELSEWHERE)


@pytest.mark.parametrize("name", with_url())
async def test_a_contexts_token_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    heard: list[bytes] = []

    async def refuse(reader: StreamReader, writer: StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(REFUSAL % (len(BODY), BODY))
        writer.close()

    for variable in [variable for variable in os.environ if variable.startswith("MAKIMA_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    context.remember(Context("work", "http://127.0.0.1:9", "nats://127.0.0.1:9", token=TOKEN))
    words = shlex.split(EXAMPLES[name][0].removeprefix("makima "))
    async with await asyncio.start_server(refuse, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        count = len(name.split())
        given = [*words[:count], "--url", url, "--context", "work", *words[count:]]
        ran = await asyncio.to_thread(CliRunner().invoke, main, given)
    assert ran.exit_code != 0
    assert heard, ran.output
    assert [request for request in heard if TOKEN.encode() in request] == []
