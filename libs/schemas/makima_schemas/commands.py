"""The request and the reply of each command and query (`makima.commands.<service>.<command>`),
and their encoding.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Annotated, Final, Generic, Literal, cast
from uuid import UUID

import orjson
from pydantic import Field
from typing_extensions import TypeVar

from makima_schemas.errors import ErrorCode
from makima_schemas.identity import DEFAULT_TENANT, ID_PATTERN
from makima_schemas.refusal import Member, Refused

# Characters of an actor or a stream name. They are stored in indexes or with every event, and the size limit
# of events does not count them.
MAX_NAME: Final = 255
MAX_GUARDS: Final = 4  # beside the one

Tenant = Annotated[str, Field(pattern=ID_PATTERN)]
Name = Annotated[str, Field(max_length=MAX_NAME)]
# Of a stream, or a position of the log: a bigint of Postgres.
Version = Annotated[int, Field(ge=0, lt=2**63)]

D_co = TypeVar("D_co", covariant=True, default=dict[str, object])  # JSON until the command's class is known


@dataclass(frozen=True, slots=True)
class Request(Generic[D_co]):
    """One intent of a caller, as sent to a service.

    `command_id` is chosen once per intent and kept for its retries. `target` is the entity's id (not its
    stream). `data` is the command: its JSON object, or its class once decoded. `expected_version` refuses the
    command unless the entity's stream has this version (null: any). `guard` is another stream and the version
    that it must still have when the events are appended; verdicts use it to depend on the holds of
    `silence-owner:<owner>`, and `guards` are further ones: of `silence-maintenance`. `token_id` is the API token of who asked by HTTP, for the events' metadata.
    """

    command_id: UUID
    target: str
    data: D_co
    actor: Name = "system"
    tenant: Tenant = DEFAULT_TENANT
    expected_version: Version | None = None
    guard: tuple[Name, Version] | None = None
    token_id: Name | None = None
    guards: Annotated[tuple[tuple[Name, Version], ...], Field(max_length=MAX_GUARDS)] = ()

    @property
    def guarded_by(self) -> tuple[tuple[Name, Version], ...]:
        """All guards."""
        return self.guards if self.guard is None else (self.guard, *self.guards)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The command was accepted and its events are stored. A repeat of a command gets the first answer again.

    `version` is the stream's version after the command, `position` the log's position of its last event, or
    the log's last position if it recorded none.
    `changed` is false if the command recorded no event.
    """

    version: int
    position: int
    changed: bool = True
    ok: Literal[True] = True


@dataclass(frozen=True, slots=True)
class Problem:
    """The command was refused, or failed.

    `members` are the extension members that domain.md lists for the code.
    """

    code: ErrorCode
    detail: str
    hint: str | None = None
    members: dict[str, Member] = field(default_factory=dict[str, Member])


Reply = Accepted | Problem


def problem(refused: Refused) -> Problem:
    """The reply for a refusal."""
    return Problem(refused.code, refused.detail, refused.hint, refused.members)


def encode_request(request: Request[object]) -> bytes:
    """The request as JSON, without the members that are null or empty.

    A service refuses members that it does not know. So one of the version before takes the requests of a newer
    caller, unless they use a new member.
    """
    members = {name: getattr(request, name) for name in _MEMBERS}
    return orjson.dumps({name: value for name, value in members.items() if value is not None and value != ()})


def encode_reply(reply: Reply | Mapping[str, object]) -> bytes:
    """The reply as JSON: `{"ok": true, …}` or `{"error": {"code", "detail", "hint", …members}}`.

    The answer to a query is `{"ok": true}` with the answer's own members beside it.
    """
    match reply:
        case Accepted():
            return orjson.dumps(reply)
        case Problem(code, detail, hint, members):
            return orjson.dumps({"error": {"code": code, "detail": detail, "hint": hint, **members}})
        case answer:
            return orjson.dumps({"ok": True, **answer})


def decode_reply(payload: bytes) -> Reply | dict[str, object]:
    """The inverse of `encode_reply`; returns the answer to a query as a dict.

    Raises `ValueError` if it is not a reply.
    """
    body = cast("dict[str, object]", orjson.loads(payload))
    if "error" in body:
        error = cast("dict[str, Member]", body["error"])
        code, detail, hint = (
            ErrorCode(str(error.pop("code"))),
            str(error.pop("detail")),
            error.pop("hint", None),
        )
        return Problem(code, detail, None if hint is None else str(hint), error)
    if body.pop("ok", None) is not True:
        raise ValueError("a reply needs either `ok` or `error`")
    if body.keys() == _ACCEPTED:
        return Accepted(cast("int", body["version"]), cast("int", body["position"]), bool(body["changed"]))
    return body


_MEMBERS: Final = tuple(member.name for member in fields(Request))
_ACCEPTED = frozenset({"version", "position", "changed"})
