"""The server of the daemon's local socket: one JSON object a line, one line back (`makima_sdk.local_socket`)."""

import asyncio
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final, cast

import orjson
from makima_sdk.local_socket import MAX_LINE_BYTES

from makima_daemon import event_log, private_files
from makima_daemon.workspace import WorkspaceError

MAX_CONNECTIONS: Final = 128
REQUEST_SECONDS: Final = 10.0  # for one request: until it was sent whole, done, and its answer taken

Message = Mapping[str, object]
Operation = Callable[[Message], Awaitable[None]]


class InvalidRequestError(ValueError):
    """An operation cannot be done with these members; the message says why, to the client."""


@asynccontextmanager
async def served(path: Path, operations: Mapping[str, Operation]) -> AsyncGenerator[None]:
    """Serve on entry, for our user alone. An operation that waits makes its client wait. A connection with a request
    that takes longer than `REQUEST_SECONDS` is closed, and so is one above `MAX_CONNECTIONS`, at once.

    Raises `WorkspaceError` if the socket's folder is another user's.
    """
    if path.parent.is_symlink() or not _is_ours(private_files.folder(path.parent)):
        raise WorkspaceError(
            f"{path.parent} belongs to another user: choose a shorter path for the workspace"
        )
    path.unlink(missing_ok=True)  # noqa: ASYNC240 - a local name, at start and end. Of a daemon that was killed: the lock says that none runs
    connections: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(connections) >= MAX_CONNECTIONS:
            writer.transport.abort()
            return
        connections.add(writer)
        try:
            with suppress(ConnectionError, asyncio.CancelledError):
                await _conversed(reader, writer, operations)
            writer.close()
        except TimeoutError:
            writer.transport.abort()  # an answer that nobody takes is waited for no longer
        finally:
            connections.discard(writer)

    server = await asyncio.start_unix_server(serve, path, limit=MAX_LINE_BYTES)
    path.chmod(0o600)  # noqa: ASYNC240 - as above
    async with server:
        try:
            yield
        finally:
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - as above


async def _conversed(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, operations: Mapping[str, Operation]
) -> None:
    """Raises `TimeoutError` if a request takes longer than `REQUEST_SECONDS`."""
    while True:
        async with asyncio.timeout(REQUEST_SECONDS):
            if not await _one_answered(reader, writer, operations):
                return


async def _one_answered(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, operations: Mapping[str, Operation]
) -> bool:
    """False if no other request can follow."""
    try:
        line = await reader.readuntil(b"\n")
    except asyncio.IncompleteReadError:
        return False
    except asyncio.LimitOverrunError:
        writer.write(_line(f"a line has at most {MAX_LINE_BYTES} bytes"))
        await writer.drain()
        return False
    writer.write(_line(await _answered(line, operations)))
    await writer.drain()
    return True


async def _answered(line: bytes, operations: Mapping[str, Operation]) -> str | None:
    """What is wrong with the request; None if it was done."""
    try:
        message: object = orjson.loads(line)
    except orjson.JSONDecodeError:
        return "the line is no JSON"
    if not isinstance(message, dict):
        return "the line is no JSON object"
    request = cast("Message", message)
    operation = operations.get(str(request.get("op")))
    if operation is None:
        return f"op is one of: {', '.join(operations)}"
    try:
        await operation(request)
    except InvalidRequestError as error:
        return str(error)
    except Exception:  # noqa: BLE001 - a client's request ends no server
        event_log.failed("socket.request_failed", op=request.get("op"))
        return "the daemon failed to do it; its log says why"
    return None


def _line(wrong: str | None) -> bytes:
    return orjson.dumps({"ok": True} if wrong is None else {"ok": False, "error": wrong}) + b"\n"


def _is_ours(folder: Path) -> bool:
    found = folder.lstat()
    return found.st_uid == os.geteuid() and not found.st_mode & 0o022
