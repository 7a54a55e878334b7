"""What the daemon of this machine says to a process that it runs, by its local socket (`local_socket`)."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final, cast

import orjson

from makima_sdk.local_socket import MAX_LINE_BYTES

SUBSCRIBED_WITHIN_SECONDS: Final = 5.0
# Between two attempts: the daemon was killed, and comes back, or is an older one.
SUBSCRIBE_AGAIN_SECONDS: Final = 5.0


async def keep_listening(
    path: str | os.PathLike[str], contract_id: str, role: str, handlers: Mapping[str, Callable[[], None]]
) -> None:
    """Call the handler of each signal that comes, until cancelled. Where no daemon lets this process listen, and where
    there are no Unix sockets, none comes.
    """
    subscription = orjson.dumps({"op": "signals", "contract_id": contract_id, "role": role}) + b"\n"
    while sys.platform != "win32":
        with suppress(OSError, ValueError):
            async with asyncio.timeout(SUBSCRIBED_WITHIN_SECONDS):
                reader, writer = await asyncio.open_unix_connection(path, limit=MAX_LINE_BYTES)
            try:
                writer.write(subscription)
                await _listened(reader, handlers)
            finally:
                writer.close()
        await asyncio.sleep(SUBSCRIBE_AGAIN_SECONDS)


async def _listened(reader: asyncio.StreamReader, handlers: Mapping[str, Callable[[], None]]) -> None:
    """Until the daemon ends it, or refuses. Raises `OSError`, and `ValueError` for what is no such answer."""
    async with asyncio.timeout(SUBSCRIBED_WITHIN_SECONDS):
        answer = await _line(reader)
    if answer.get("ok") is not True:
        return
    while line := await _line(reader):
        if handler := handlers.get(str(line.get("signal"))):
            handler()


async def _line(reader: asyncio.StreamReader) -> Mapping[str, object]:
    """Empty: there is none any more."""
    line = await reader.readline()
    value: object = orjson.loads(line) if line else {}
    if not isinstance(value, dict):
        raise ValueError("the line is no JSON object")  # noqa: TRY004 - as for what is no JSON
    return cast("Mapping[str, object]", value)
