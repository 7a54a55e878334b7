"""The request and the reply of every command on the bus (`makima.commands.<service>.<command>`)."""

from dataclasses import dataclass, field
from typing import Annotated, Final, Literal, cast
from uuid import UUID

import orjson
from pydantic import Field

from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT, ID_PATTERN
from makima_schemas.refusal import Member, Refused

MAX_NAME: Final = 255  # of an actor or a stream: both go into indexes or beside every event, and no size limit counts them

Tenant = Annotated[str, Field(pattern=ID_PATTERN)]
Name = Annotated[str, Field(max_length=MAX_NAME)]


@dataclass(frozen=True, slots=True)
class Request:
    """One intent. `command_id` is minted once and kept over retries; `target` is the entity's id (not the stream);
    `data` is the command's JSON object; `expected_version` asks for the optimistic check; `guard` names another stream
    whose version must still be the given one when the events are appended (a hold on `silence-<owner>` binds verdicts so).
    """

    command_id: UUID
    target: str
    data: dict[str, object]
    actor: Name = "system"
    tenant: Tenant = DEFAULT_TENANT
    expected_version: int | None = None
    guard: tuple[Name, int] | None = None


@dataclass(frozen=True, slots=True)
class Accepted:
    """Decided and stored. `version` is the stream's after the command, `position` the log's; a repeat carries the first answer.
    `changed` is false where the command changed nothing.
    """

    version: int
    position: int
    changed: bool = True
    ok: Literal[True] = True


@dataclass(frozen=True, slots=True)
class Problem:
    """Refused, as data. `members` are the extension members that domain.md lists for the code."""

    code: ErrorCode
    detail: str
    hint: str | None = None
    members: dict[str, Member] = field(default_factory=dict[str, Member])


Reply = Accepted | Problem


def problem(refused: Refused) -> Problem:
    """A refusal as the reply that carries it."""
    return Problem(refused.code, refused.detail, refused.hint, refused.members)


def encode_reply(reply: Reply | dict[str, object]) -> bytes:
    """`{"ok": true, …}`, a query's answer under `"ok"` and its own members, or `{"error": {"code", "detail", "hint", …members}}`."""
    match reply:
        case Accepted():
            return orjson.dumps(reply)
        case Problem(code, detail, hint, members):
            return orjson.dumps({"error": {"code": code, "detail": detail, "hint": hint, **members}})
        case answer:
            return orjson.dumps({"ok": True, **answer})


def decode_reply(payload: bytes) -> Reply | dict[str, object]:
    """The inverse of `encode_reply`; an answer to a query comes as its members. Raises `ValueError` for what is no reply."""
    body = cast("dict[str, object]", orjson.loads(payload))
    if "error" in body:
        error = cast("dict[str, Member]", body["error"])
        code, detail, hint = ErrorCode(str(error.pop("code"))), str(error.pop("detail")), error.pop("hint", None)
        return Problem(code, detail, None if hint is None else str(hint), error)
    if body.pop("ok", None) is not True:
        raise ValueError("a reply carries ok or error")
    if body.keys() == _ACCEPTED:
        return Accepted(cast("int", body["version"]), cast("int", body["position"]), bool(body["changed"]))
    return body


_ACCEPTED = frozenset({"version", "position", "changed"})
