"""Short ids: the first characters of an id, where no other one of its kind begins with them."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

import click
from makima_sdk.http import Http
from makima_sdk.problems import ProblemError

from makima_cli.pages import every

FORBIDDEN: Final = 403
NOT_FOUND: Final = 404
FULL_LENGTH: Final = 36  # characters of a UUID
MIN_SHORT_ID_LENGTH: Final = 4  # characters of a short id
_BEGINNING: Final = re.compile(rf"[0-9a-f][0-9a-f-]{{0,{FULL_LENGTH - 2}}}")

# Parameters of commands that may be short: the list that has the whole ids, and what it lists. `{contract_id}` is that
# of the command, made whole before.
CONTRACTS: Final = ("/contracts", "contracts")
SHORTENED: Final[Mapping[str, tuple[str, str]]] = {
    "contract_id": CONTRACTS,
    "contract_ids": CONTRACTS,
    "contract": CONTRACTS,
    "question_id": ("/contracts/{contract_id}/questions", "questions"),
    "task_id": ("/contracts/{contract_id}/tasks", "tasks"),
    "token_id": ("/tokens", "tokens"),
}


def is_short(typed: str) -> bool:
    """True for what may be the beginning of an id: at least four characters of a UUID, and not all."""
    return len(typed) >= MIN_SHORT_ID_LENGTH and is_begun(typed)


def is_begun(typed: str) -> bool:
    """The same, of any number of characters: fewer are refused where an id begins with them."""
    return _BEGINNING.fullmatch(typed) is not None


async def full_ids(
    http: Http, typed: Sequence[str], route: str = CONTRACTS[0], what: str = CONTRACTS[1]
) -> list[str]:
    """The ids in the list of `route` that begin with what was typed; what no id begins with stays as it is.

    Raises `UsageError` if several do. All ids are looked at, so for scripts give whole ones.
    """
    try:
        known = [str(each["id"]) for each in await every(http, route)]
    except ProblemError as error:
        if error.status not in {FORBIDDEN, NOT_FOUND}:
            raise
        return list(typed)
    return [whole(each, known, what) for each in typed]


def whole(typed: str, known: Sequence[str], what: str = CONTRACTS[1]) -> str:
    """The one of the `known` ids that begins with what was typed; that itself if none does, or if it is one.

    Raises `UsageError` if it is the beginning of several, or too short to be one's.
    """
    found = [own for own in known if own.startswith(typed)]
    if not is_begun(typed) or typed in found or not found:
        return typed
    if not is_short(typed):
        raise click.UsageError(
            f"{typed} is too short for an id: give at least {MIN_SHORT_ID_LENGTH} characters"
        )
    if len(found) > 1:
        some = ", ".join(found[:3])
        raise click.UsageError(f"{len(found)} {what} begin with {typed}: {some}; give more characters")
    return found[0]
