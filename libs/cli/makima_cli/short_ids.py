"""Short ids: the first characters of a contract's id, where no other contract's id begins with them."""

import re
from collections.abc import Sequence
from typing import Final

import click
from makima_sdk.http import Http
from makima_sdk.problems import ProblemError

from makima_cli.pages import every

FORBIDDEN: Final = 403
FULL_LENGTH: Final = 36  # characters of a UUID
_BEGINNING: Final = re.compile(rf"[0-9a-f][0-9a-f-]{{3,{FULL_LENGTH - 2}}}")


def is_short(typed: str) -> bool:
    """True for what may be the beginning of an id: at least four characters of a UUID, and not all."""
    return _BEGINNING.fullmatch(typed) is not None


async def full_ids(http: Http, typed: Sequence[str]) -> list[str]:
    """The contracts' ids that begin with what was typed; what no id begins with stays as it is.

    Raises `UsageError` if several do. All ids are looked at, so for scripts give whole ones.
    """
    try:
        known = [str(contract["id"]) for contract in await every(http, "/contracts")]
    except ProblemError as error:
        if error.status != FORBIDDEN:
            raise
        return list(typed)
    return [whole(each, known) for each in typed]


def whole(typed: str, known: Sequence[str]) -> str:
    """The one of the `known` ids that begins with what was typed; that itself if none does, or if it is one."""
    found = [own for own in known if own.startswith(typed)]
    if not is_short(typed) or typed in found or not found:
        return typed
    if len(found) > 1:
        some = ", ".join(found[:3])
        raise click.UsageError(f"{len(found)} contracts begin with {typed}: {some}; give more characters")
    return found[0]
