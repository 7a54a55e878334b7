"""Queries a service's health port, without an HTTP library: only the status and the body of a GET matter."""

import asyncio
import json
from contextlib import suppress
from typing import cast

from makima_local.ports import LOOPBACK

SILENT = "does not answer yet"


async def ask(port: int, path: str, timeout: float = 3.0) -> tuple[int, str] | None:
    """The status and body of a GET; None if there is no HTTP answer within `timeout` seconds."""
    with suppress(OSError, TimeoutError, ValueError, IndexError):
        async with asyncio.timeout(timeout):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
            try:
                writer.write(f"GET {path} HTTP/1.0\r\nHost: {LOOPBACK}\r\n\r\n".encode())
                head, _, body = (await reader.read(-1)).partition(b"\r\n\r\n")
            finally:
                writer.close()
            return int(head.split()[1]), body.decode(errors="replace")
    return None


async def alive(port: int) -> bool:
    """True if the service on this health port answers `/livez` with 200: its event loop runs."""
    match await ask(port, "/livez"):
        case (200, _):
            return True
        case _:
            return False


async def unhealthy(port: int) -> str | None:
    """The reasons why the service on this health port, or what it shares with others, is not as it should be;
    None if all is well.
    """
    match await ask(port, "/healthz"):
        case None:
            return SILENT
        case (200, _):
            return None
        case (_, body):
            return _reasons(body)


def _reasons(body: str) -> str:
    with suppress(ValueError, AttributeError, LookupError):
        failing = cast("dict[str, str]", json.loads(body)["failing"])
        return "; ".join(f"{name}: {reason}" for name, reason in failing.items())
    return body.strip()
