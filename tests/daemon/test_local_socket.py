"""The local socket answers one line to a line, whatever is sent, to its user alone."""

import asyncio
import json
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from makima_daemon import local_socket
from makima_daemon.local_socket import InvalidRequestError, Message
from makima_daemon.subscriber import Subscriber
from makima_daemon.workspace import Workspace, WorkspaceError
from makima_kernel.testing import PATIENCE, eventually


async def echo(message: Message) -> None:
    if "wrong" in message:
        raise InvalidRequestError("wrong is no member")
    if "fails" in message:
        raise KeyError("secret")


@pytest.fixture
def subscribers() -> list[Subscriber]:
    return []


@pytest.fixture
async def path(tmp_path: Path, subscribers: list[Subscriber]) -> AsyncIterator[Path]:
    def listen(message: Message, subscriber: Subscriber) -> Callable[[], None]:
        if "wrong" in message:
            raise InvalidRequestError("wrong is no member")
        subscribers.append(subscriber)
        return lambda: subscribers.remove(subscriber)

    socket = Workspace.open(tmp_path, "d1").socket
    async with local_socket.served(socket, {"echo": echo}, {"listen": listen}):
        yield socket
    assert not socket.exists()


async def told(path: Path, sent: bytes) -> list[dict[str, object]]:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(sent)
    writer.write_eof()
    answer = await reader.read()
    writer.close()
    return [json.loads(line) for line in answer.splitlines()]


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        (b'{"op": "echo", "unknown": [1]}\n', None),
        (b'{"op": "other"}\n', "op is one of: echo, listen"),
        (b'{"op": ["echo"]}\n', "op is one of: echo, listen"),
        (b'{"op": "listen", "wrong": 1}\n', "wrong is no member"),
        (b"[]\n", "the line is no JSON object"),
        (b"\xff\xfe\n", "the line is no JSON"),
        (b"\n", "the line is no JSON"),
        (b'{"op": "echo", "wrong": 1}\n', "wrong is no member"),
        (b'{"op": "echo", "fails": 1}\n', "the daemon failed to do it; its log says why"),
        (b'{"op": "echo", "x": "' + b"x" * 70_000 + b'"}\n', "a line has at most 65536 bytes"),
    ],
)
async def test_each_line_is_answered(path: Path, sent: bytes, error: str | None) -> None:
    assert await told(path, sent) == [{"ok": True} if error is None else {"ok": False, "error": error}]
    assert await told(path, b'{"op": "echo"}\n' * 2) == [{"ok": True}] * 2


async def test_a_connection_above_the_limit_is_closed_at_once(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_socket, "MAX_CONNECTIONS", 1)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"op": "echo"}\n')
    await reader.readline()
    async with asyncio.timeout(PATIENCE):
        assert await refused(path)
    writer.close()

    async def free() -> bool:
        return not await refused(path)

    await eventually(free)


async def test_a_client_that_takes_no_answers_is_cut_off(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(local_socket, "REQUEST_SECONDS", 0.2)
    _, writer = await asyncio.open_unix_connection(path)

    async def talk() -> None:
        while True:
            writer.write(b'{"op": "echo"}\n' * 1000)
            await writer.drain()

    with pytest.raises(ConnectionError):
        await asyncio.wait_for(talk(), PATIENCE)


async def test_a_subscriber_is_written_to_until_it_goes_and_takes_no_place_of_others(
    path: Path, subscribers: list[Subscriber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local_socket, "MAX_CONNECTIONS", 1)
    monkeypatch.setattr(local_socket, "REQUEST_SECONDS", 0.5)
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(b'{"op": "echo"}\n{"op": "listen"}\n')
    assert [json.loads(await reader.readline()) for _ in range(2)] == [{"ok": True}] * 2
    later, idle = await asyncio.open_unix_connection(path)
    async with asyncio.timeout(PATIENCE):
        assert not await later.read(), "that one took too long to ask"
    idle.close()
    assert await told(path, b'{"op": "echo"}\n') == [{"ok": True}]
    assert subscribers[0].session == os.getsid(0)
    for number in (1, 2):
        assert subscribers[0].send(number=number)
        assert json.loads(await reader.readline()) == {"number": number}
    (subscriber,) = subscribers
    writer.close()
    await eventually(lambda: not subscribers)
    assert not subscriber.send(number=3)


async def test_a_subscriber_that_reads_nothing_is_cut_off_and_waited_for_by_nobody(
    path: Path, subscribers: list[Subscriber]
) -> None:
    reader, writer = await asyncio.open_unix_connection(path, limit=1024)
    writer.write(b'{"op": "listen"}\n')
    assert json.loads(await reader.readline()) == {"ok": True}
    (subscriber,) = subscribers
    assert any(not subscriber.send(text="x" * 1000) for _ in range(10_000))
    await eventually(lambda: not subscribers)
    writer.close()


async def test_a_subscriber_is_cut_off_when_the_socket_closes(tmp_path: Path) -> None:
    socket, ended = Workspace.open(tmp_path, "d1").socket, asyncio.Event()
    async with local_socket.served(socket, {}, {"listen": lambda _, __: ended.set}):
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(b'{"op": "listen"}\n')
        assert json.loads(await reader.readline()) == {"ok": True}
    async with asyncio.timeout(PATIENCE):
        assert await reader.read() == b""
        await ended.wait()
    writer.close()


async def refused(path: Path) -> bool:
    reader, writer = await asyncio.open_unix_connection(path)
    try:
        writer.write(b'{"op": "echo"}\n')
        return not await reader.readline()
    except ConnectionError:
        return True
    finally:
        writer.close()


async def test_it_is_for_its_user_alone(path: Path) -> None:
    assert path.stat().st_mode & 0o777 == 0o600  # noqa: ASYNC240 - a local name


async def test_a_long_workspace_has_a_short_socket_and_always_the_same(tmp_path: Path) -> None:
    long = tmp_path / ("x" * 120)
    socket = Workspace.open(long, "d1").socket
    assert len(os.fsencode(socket)) < 100
    assert socket == Workspace.open(long, "d1").socket != Workspace.open(long, "d2").socket
    async with local_socket.served(socket, {"echo": echo}):
        assert await told(socket, b'{"op": "echo"}\n') == [{"ok": True}]


async def test_a_folder_that_others_may_write_holds_no_socket(tmp_path: Path) -> None:
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    with pytest.raises(WorkspaceError, match="belongs to another user"):
        async with local_socket.served(open_to_all / "d1.sock", {}):
            pass


def test_one_daemon_of_an_id_holds_a_workspace(tmp_path: Path) -> None:
    workspace = Workspace.open(tmp_path, "d1")
    with workspace.locked():
        with (
            pytest.raises(WorkspaceError, match=rf"runs already in .* \(pid {os.getpid()}\)"),
            workspace.locked(),
        ):
            pass
        with Workspace.open(tmp_path, "d2").locked():
            pass
    with workspace.locked():
        pass
