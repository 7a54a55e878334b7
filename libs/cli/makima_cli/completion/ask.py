"""Where ids come from: one request without a retry, by the standard library, as httpx takes longer to import than a
person waits for a completion.
"""

import os
import ssl
from collections.abc import Callable, Mapping, Sequence
from http.client import HTTPConnection, HTTPSConnection
from typing import Final, cast
from urllib.parse import urlsplit

import orjson
from makima_schemas.identity import is_id
from makima_sdk.connection import Connection
from makima_sdk.transport import address, authorization

API: Final = "/api/v1"
SOCKET_SECONDS: Final = 0.25
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

Found = Sequence[tuple[str, str]]  # id, and what it is
Typed = Mapping[str, object]


def of_route(route: str, about: str) -> Callable[[Typed], Found]:
    """The ids of what `route` lists; the member `about` of each says what it is."""
    return lambda typed: _ids(_get(typed, route), about)


def of_contract(part: str, about: str) -> Callable[[Typed], Found]:
    """The same, of a part of the contract that was typed before."""

    def find(typed: Typed) -> Found:
        contract = str(typed.get("contract_id") or typed.get("contract") or os.environ.get("MAKIMA_CONTRACT"))
        return _ids(_get(typed, f"/contracts/{contract}/{part}"), about) if is_id(contract) else ()

    return find


def contexts(typed: Typed) -> Found:  # noqa: ARG001 - as the others
    """The names in contexts.toml."""
    from makima_local import context  # noqa: PLC0415 - only for these

    return [(each.name, each.url) for each in context.load().by_name.values()]


def _get(typed: Typed, route: str) -> Mapping[str, object]:
    """The answer's JSON object. The token of a context goes to its own address alone, as with every command."""
    url, context = typed.get("url"), typed.get("context")
    connection = Connection.default(url=str(url) if url else None, context=str(context) if context else None)
    server = urlsplit(address(connection.url))
    secure = server.scheme == "https"
    at: HTTPConnection = (
        HTTPSConnection(
            server.hostname or "", server.port, timeout=SOCKET_SECONDS, context=ssl.create_default_context()
        )
        if secure
        else HTTPConnection(server.hostname or "", server.port, timeout=SOCKET_SECONDS)
    )
    at.request("GET", f"{server.path}{API}{route}", headers=authorization(connection.token))
    return cast("Mapping[str, object]", orjson.loads(at.getresponse().read(MAX_ANSWER_BYTES)))


def _ids(page: Mapping[str, object], about: str) -> Found:
    """Only what can be an id: a shell would take anything else apart, or run it."""
    items = cast("Sequence[Mapping[str, object]]", page["items"])
    return [(str(one["id"]), str(one.get(about) or "")) for one in items if is_id(str(one["id"]))]
