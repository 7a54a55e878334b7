"""`makima hook` as a coding agent runs it: it tells the daemon what it can, and never gets in the agent's way."""

import asyncio
import json
import socket
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import cast

import orjson
import pytest
from makima_cli.hook.send import KEPT_CHARACTERS, MAX_EVENT_BYTES, hand_over
from makima_kernel.testing import PATIENCE
from makima_sdk import local_socket
from makima_sdk.local_socket import MAX_LINE_BYTES

from tests.daemon.hook_session import one_of_each_kind

RUN = "import sys; sys.argv[1:] = ['hook']; from makima_cli.entry import main; main()"
# What an event leads to is not to depend on whether this machine had a tenth of a second for it.
RUN_PATIENTLY = f"from makima_cli.hook import send; send.HOOK_SECONDS = {PATIENCE}; {RUN}"
SOCKET = "daemon.sock"


class Told:
    """The requests that came, and what to answer."""

    def __init__(self, answer: bytes | None) -> None:
        self.requests: list[dict[str, object]] = []
        self._answer = answer

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.requests.append(orjson.loads(await reader.readline()))
        if self._answer is None:
            await reader.read()  # until the hook gives up
        else:
            writer.write(self._answer)
        writer.close()


@asynccontextmanager
async def daemon(folder: Path, answer: bytes | None = b'{"ok": true}\n') -> AsyncGenerator[Told]:
    told = Told(answer)
    async with await asyncio.start_unix_server(told.handle, folder / SOCKET, limit=MAX_LINE_BYTES):
        yield told


async def hooked(
    folder: Path, stdin: bytes, *, close: bool = True, run: str = RUN, **env: str
) -> tuple[int, bytes, bytes]:
    """Exit code, stdout and stderr. `close` false: stdin is written and stays open."""
    known = {"MAKIMA_DAEMON_SOCKET": str(folder / SOCKET), "MAKIMA_CONTRACT": "c1", "MAKIMA_ROLE": "builder"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", run, stdin=PIPE, stdout=PIPE, stderr=PIPE, env={**known, **env}
    )
    if close:
        out, err = await asyncio.wait_for(process.communicate(stdin), PATIENCE)
    else:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        process.stdin.write(stdin)
        out, err = await asyncio.wait_for(
            asyncio.gather(process.stdout.read(), process.stderr.read()), PATIENCE
        )
    return await process.wait(), out, err


QUIET = (0, b"", b"")


async def test_each_event_reaches_the_daemon_as_it_came_in_order_with_who_it_is_about(tmp_path: Path) -> None:
    events = [event for event, _ in one_of_each_kind()]
    async with daemon(tmp_path) as told:
        for event in events:
            written = json.dumps(event, indent=2).encode()
            done = await hooked(tmp_path, written, run=RUN_PATIENTLY, MAKIMA_CONNECTION_ID="conn-1")
            assert done == QUIET
    assert [request["event"] for request in told.requests] == events
    assert {(one["op"], one["contract_id"], one["role"], one["connection_id"]) for one in told.requests} == {
        ("hook", "c1", "builder", "conn-1")
    }
    assert all(cast("list[int]", one["pids"])[0] > 1 for one in told.requests)


async def test_an_event_that_is_too_long_for_a_line_still_says_what_the_agent_does(tmp_path: Path) -> None:
    long = {
        "hook_event_name": "PostToolUse",
        "tool_name": "Read",
        "tool_input": {"file_path": "/src/a.py", "content": "x" * 300_000},
        "tool_response": {"file": {"content": "y" * 300_000}},
    }
    async with daemon(tmp_path) as told:
        assert await hooked(tmp_path, json.dumps(long).encode(), run=RUN_PATIENTLY) == QUIET
    event = cast("dict[str, dict[str, str]]", told.requests[0]["event"])
    assert (event["hook_event_name"], event["tool_input"]["file_path"]) == ("PostToolUse", "/src/a.py")
    assert len(event["tool_input"]["content"]) == KEPT_CHARACTERS


async def test_no_member_of_an_event_stands_for_one_of_the_request(tmp_path: Path) -> None:
    async with daemon(tmp_path) as told:
        await hooked(tmp_path, b'{}, "op": "stop", "role": "supervisor"', run=RUN_PATIENTLY)
    assert (told.requests[0]["op"], told.requests[0]["role"]) == ("hook", "builder")


@pytest.mark.parametrize("answer", [b"", b'{"ok": false, "error": "no"}\n', b"\xff\x00garbage", None])
async def test_whatever_the_daemon_answers_or_does_not_the_agent_goes_on(
    tmp_path: Path, answer: bytes | None
) -> None:
    async with daemon(tmp_path, answer):
        assert await hooked(tmp_path, b'{"hook_event_name": "Stop"}') == QUIET


async def test_whatever_is_wrong_the_agent_goes_on(tmp_path: Path) -> None:
    """No daemon; garbage; far too much; no end; no ids; ids that are none; a socket path that cannot be one."""
    event = b'{"hook_event_name": "Stop"}'
    assert [
        await hooked(tmp_path, event),
        await hooked(tmp_path, b"\xff\xfe garbage"),
        await hooked(tmp_path, b""),
        await hooked(tmp_path, b"[" * 100_000),
        await hooked(tmp_path, b"x" * 6_000_000),
        await hooked(tmp_path, event, close=False),
        await hooked(tmp_path, event, MAKIMA_CONTRACT=""),
        await hooked(tmp_path, event, MAKIMA_ROLE='"}\n{"op'),
        await hooked(tmp_path, event, MAKIMA_DAEMON_SOCKET="x" * 5_000),
        await hooked(tmp_path, event, MAKIMA_DAEMON_SOCKET=str(tmp_path)),
    ] == [QUIET] * 10


def test_a_daemon_that_hangs_costs_the_agent_a_tenth_of_a_second_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the start of Python, and in all: what reading took is not there for the daemon any more."""
    now, deadlines = [1000.0], list[float]()

    def read_all(descriptor: int, limit: int, deadline: float) -> bytes:
        assert (descriptor, limit) == (0, MAX_EVENT_BYTES)
        deadlines.append(deadline)
        now[0] += 0.06
        return b'{"hook_event_name": "Stop"}'

    def send(path: str, line: bytes, deadline: float) -> bytes:
        assert (path, b"Stop" in line) == (str(tmp_path), True)
        deadlines.append(deadline)
        return b""

    monkeypatch.setattr("makima_cli.hook.send.time", SimpleNamespace(monotonic=lambda: now[0]))
    monkeypatch.setattr(local_socket, "read_all", read_all)
    monkeypatch.setattr(local_socket, "send", send)
    known = {"MAKIMA_DAEMON_SOCKET": str(tmp_path), "MAKIMA_CONTRACT": "c1", "MAKIMA_ROLE": "builder"}
    for name, value in known.items():
        monkeypatch.setenv(name, value)
    hand_over()
    assert deadlines == [1000.1, 1000.1]


def test_a_deadline_is_for_the_whole_answer_and_not_for_each_part_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock goes on by a second with each look at it; the daemon has more parts than there are seconds."""
    clock = count(1000.0)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / SOCKET))
        server.listen()

        def dribble() -> None:
            with server.accept()[0] as connection, suppress(OSError):
                while True:
                    connection.sendall(b".")

        Thread(target=dribble, daemon=True).start()
        monkeypatch.setattr(local_socket, "time", SimpleNamespace(monotonic=lambda: next(clock)))
        with pytest.raises(TimeoutError):
            local_socket.send(str(tmp_path / SOCKET), b"{}\n", 1005.0)
    assert next(clock) == 1006.0


async def test_neither_click_nor_anything_of_the_sdk_is_imported_for_an_event() -> None:
    shown = "; print(*sorted(name for name in sys.modules if name.partition('.')[0] in "
    shown += "('click', 'typing', 'json', 're', 'socket', 'asyncio', 'makima_sdk')))"
    code = "import sys; import makima_cli.entry, makima_cli.hook.send" + shown
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, stdout=PIPE)
    assert (await process.communicate())[0].split() == [b"makima_sdk", b"makima_sdk.local_socket"]
