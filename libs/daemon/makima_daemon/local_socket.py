"""The server of the daemon's local socket: one JSON object a line, one line back; to subscribers, more of them as
they come (`makima_sdk.local_socket`).
"""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, cast

import orjson
from makima_sdk.local_socket import MAX_LINE_BYTES

from makima_daemon import event_log, private_files
from makima_daemon.subscriber import Subscriber
from makima_daemon.workspace import WorkspaceError

MAX_CONNECTIONS: Final = 128
REQUEST_SECONDS: Final = 10.0  # for one request: until it was sent whole, done, and its answer taken

Message = Mapping[str, object]
Operation = Callable[[Message], Awaitable[None]]
End = Callable[[], None]
Subscribe = Callable[[Message, Subscriber], End]
NO_SUBSCRIPTIONS: Final[Mapping[str, Subscribe]] = {}


class InvalidRequestError(ValueError):
    """An operation cannot be done with these members; the message says why, to the client."""


@asynccontextmanager
async def served(
    path: Path, operations: Mapping[str, Operation], subscriptions: Mapping[str, Subscribe] = NO_SUBSCRIPTIONS
) -> AsyncGenerator[None]:
    """Serve on entry, for our user alone. An operation that waits makes its client wait. A connection with a request
    that takes longer than `REQUEST_SECONDS` is closed, and so is one above `MAX_CONNECTIONS`, at once.

    A client that subscribes asks for nothing more, and is written to until it ends the connection. It does not count
    among those: who lets it subscribe bounds how many there are.

    Raises `WorkspaceError` if the socket's folder is another user's.
    """
    if path.parent.is_symlink() or not _is_ours(private_files.folder(path.parent)):
        raise WorkspaceError(
            f"{path.parent} belongs to another user: choose a shorter path for the workspace"
        )
    path.unlink(missing_ok=True)  # noqa: ASYNC240 - a local name, at start and end. Of a daemon that was killed: the lock says that none runs
    connections: set[asyncio.StreamWriter] = set()
    subscribers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connections.add(writer)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                end = await _conversed(reader, writer, operations, subscriptions)
                if end is not None:
                    connections.discard(writer)
                    subscribers.add(writer)
                    await _ended(reader, end)
            writer.close()
        except TimeoutError:
            writer.transport.abort()  # an answer that nobody takes is waited for no longer
        finally:
            connections.discard(writer)
            subscribers.discard(writer)

    server = await asyncio.start_unix_server(serve, path, limit=MAX_LINE_BYTES)
    path.chmod(0o600)  # noqa: ASYNC240 - as above
    async with server:
        try:
            yield
        finally:
            for subscriber in subscribers:
                subscriber.transport.abort()
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - as above


async def _conversed(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    operations: Mapping[str, Operation],
    subscriptions: Mapping[str, Subscribe],
) -> End | None:
    """Until no other request can follow; what ends the subscription, if the last one was to subscribe.

    Raises `TimeoutError` if a request takes longer than `REQUEST_SECONDS`.
    """
    while True:
        async with asyncio.timeout(REQUEST_SECONDS):
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return None
            except asyncio.LimitOverrunError:
                writer.write(_line(f"a line has at most {MAX_LINE_BYTES} bytes"))
                await writer.drain()
                return None
            answer, end = await _answered(line, Subscriber(writer), operations, subscriptions)
            writer.write(_line(answer))
            if end is not None:
                return end
            await writer.drain()


async def _ended(reader: asyncio.StreamReader, end: End) -> None:
    """Wait until a subscriber says anything, or is gone."""
    try:
        await reader.read(1)
    finally:
        end()


async def _answered(
    line: bytes,
    subscriber: Subscriber,
    operations: Mapping[str, Operation],
    subscriptions: Mapping[str, Subscribe],
) -> tuple[str | None, End | None]:
    """What is wrong with the request; None if it was done. And what ends the subscription, if it was one."""
    try:
        message: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "the line is no JSON", None
    if not isinstance(message, dict):
        return "the line is no JSON object", None
    request = cast("Message", message)
    name = str(request.get("op"))
    try:
        if subscribe := subscriptions.get(name):
            return None, subscribe(request, subscriber)
        if operation := operations.get(name):
            await operation(request)
            return None, None
    except InvalidRequestError as error:
        return str(error), None
    except Exception:  # noqa: BLE001 - a client's request ends no server
        event_log.failed("socket.request_failed", op=name)
        return "the daemon failed to do it; its log says why", None
    return f"op is one of: {', '.join([*operations, *subscriptions])}", None


def _line(wrong: str | None) -> bytes:
    return orjson.dumps({"ok": True} if wrong is None else {"ok": False, "error": wrong}) + b"\n"


def _is_ours(folder: Path) -> bool:
    found = folder.lstat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022
