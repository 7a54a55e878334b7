"""The request and the reply of every command on the bus (`makima.commands.<service>.<command>`)."""

from dataclasses import dataclass, field
from typing import Literal
from uuid import UUID

from makima_schemas.errors import Code
from makima_schemas.identity import DEFAULT_TENANT
from makima_schemas.refusal import Member


@dataclass(frozen=True, slots=True)
class Request:
    """One intent. `command_id` is minted once and kept over retries; `target` is the entity's id (not the stream);
    `data` is the command's JSON object; `expected_version` asks for the optimistic check; `guard` names another stream
    whose version must still be the given one when the events are appended (a hold on `silence-<owner>` binds verdicts so).
    """

    command_id: UUID
    target: str
    data: dict[str, object]
    actor: str = "system"
    tenant: str = DEFAULT_TENANT
    expected_version: int | None = None
    guard: tuple[str, int] | None = None


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

    code: Code
    detail: str
    hint: str | None = None
    members: dict[str, Member] = field(default_factory=dict[str, Member])


Reply = Accepted | Problem
