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
SOCKET_SECONDS: Final = 60.0  # whoever completes waits for less, and leaves the thread behind
MAX_ANSWER_BYTES: Final = 4 * 1024 * 1024

Found = Sequence[tuple[str, str]]  # id, and what it is
Typed = Mapping[str, object]
Members = Mapping[str, object]


def of_route(route: str, about: str) -> Callable[[Typed], Found]:
    """The ids of what `route` lists; the member `about` of each says what it is."""
    return lambda typed: _ids(_get(typed, route), about)


def of_contract(part: str, about: str) -> Callable[[Typed], Found]:
    """The same, of a part of the contract that was typed before."""

    def find(typed: Typed) -> Found:
        contract = _contract(typed)
        return _ids(_get(typed, f"/contracts/{contract}/{part}"), about) if is_id(contract) else ()

    return find


def one_of(words: Sequence[str]) -> Callable[[Typed], Found]:
    """Words that makima knows without a server. Of a list with commas, the last one is being typed: see `live`."""
    return lambda _: [(word, "") for word in words]


def either(*ways: Callable[[Typed], Found]) -> Callable[[Typed], Found]:
    """What all of the ways find."""
    return lambda typed: [each for way in ways for each in way(typed)]


def agents(typed: Typed) -> Found:
    """Each agent, as `makima why` names it."""
    items = _items(_get(typed, "/agents?limit=500"))
    return [
        (f"{one['contract_id']}/{one['role']}", str(one.get("contract_name") or ""))
        for one in items
        if is_id(str(one["contract_id"])) and is_id(str(one["role"]))
    ]


def roles(typed: Typed) -> Found:
    """The roles of the contract that was typed before, or of all."""
    contract = _contract(typed)
    found = _items(_get(typed, "/agents?limit=500"))
    of_it = [one for one in found if one["contract_id"] == contract] or found
    named = dict.fromkeys(str(one["role"]) for one in of_it)
    return [(role, "") for role in named if is_id(role)]


def phases(typed: Typed) -> Found:
    """The phases of the contract that was typed before, or of the contracts that there are."""
    contract = _contract(typed)
    found = (
        [_get(typed, f"/contracts/{contract}")]
        if is_id(contract)
        else _items(_get(typed, "/contracts?limit=500"))
    )
    named = dict.fromkeys(name for one in found for name in _phases(one))
    return [(name, "") for name in named if is_id(name)]


def questions(typed: Typed) -> Found:
    """The keys of the questions that wait, for `makima needs-you --answer`."""
    waiting = [
        (f"{contract['id']}/{question['id']}", str(question["question"]))
        for contract, question in _waiting(typed, "question")
    ]
    return [(key, text) for key, text in waiting if all(map(is_id, key.split("/")))]


def confirmations(typed: Typed) -> Found:
    """The contracts whose phase waits to be confirmed, for `makima needs-you --confirm`."""
    waiting = [(str(one["id"]), str(one["name"])) for one, _ in _waiting(typed, "phase_confirmation")]
    return [(own, name) for own, name in waiting if is_id(own)]


def windows(typed: Typed) -> Found:
    """The scopes of the windows that are open."""
    scopes = [
        (str(one["scope"]), str(one.get("reason") or "")) for one in _items(_get(typed, "/maintenance"))
    ]
    return [(scope, why) for scope, why in scopes if all(map(is_id, scope.split(":")))]


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


def _contract(typed: Typed) -> str:
    return str(typed.get("contract_id") or typed.get("contract") or os.environ.get("MAKIMA_CONTRACT"))


def _phases(contract: Mapping[str, object]) -> Sequence[str]:
    phases = cast("Sequence[object]", contract.get("phases") or ())
    return [
        each if isinstance(each, str) else str(cast("Mapping[str, object]", each)["name"]) for each in phases
    ]


def _items(page: Mapping[str, object]) -> Sequence[Mapping[str, object]]:
    return cast("Sequence[Mapping[str, object]]", page["items"])


def _waiting(typed: Typed, kind: str) -> Sequence[tuple[Members, Members]]:
    """Contract and question (empty: it is about none) of what waits for a person."""
    return [
        (cast("Members", one["contract"]), cast("Members", one.get("question") or {}))
        for one in _items(_get(typed, "/needs-you?limit=100"))
        if one["kind"] == kind
    ]


def _ids(page: Mapping[str, object], about: str) -> Found:
    """Only what can be an id: a shell would take anything else apart, or run it."""
    return [(str(one["id"]), str(one.get(about) or "")) for one in _items(page) if is_id(str(one["id"]))]
