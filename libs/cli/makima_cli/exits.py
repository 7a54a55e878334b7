"""Exit codes of the commands, and how errors are printed on stderr."""

import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final, NoReturn, cast

import click
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli.next_steps import as_command
from makima_cli.readable import json_text, say

OK: Final = 0
FAILED: Final = 1
USAGE: Final = 2
NOT_FOUND: Final = 3
FORBIDDEN: Final = 4
REFUSED: Final = 5
FOUND_PROBLEMS: Final = 6
TIMED_OUT: Final = 7
UNREACHABLE: Final = 8
INTERRUPTED: Final = 130

IN_REQUEST: Final = re.compile(r"\b(?:query|body)\.(\w+)(?:\.\d+)?")
PYDANTICS: Final = "Value error, "  # how pydantic begins the message of a check of ours
_BY_STATUS: Final = {
    404: NOT_FOUND,
    401: FORBIDDEN,
    403: FORBIDDEN,
    400: REFUSED,
    409: REFUSED,
    422: USAGE,
    503: UNREACHABLE,
}


def code_for(error: ProblemError | UnreachableError) -> int:
    """The exit code of an error (interfaces.md, CLI, Exit)."""
    return UNREACHABLE if isinstance(error, UnreachableError) else _BY_STATUS.get(error.status, FAILED)


def exit_with_problem(error: ProblemError | UnreachableError, *, as_json: bool) -> NoReturn:
    """Print the error on stderr, as text or as the problem's JSON object, and end the process."""
    body = _body(error)
    if as_json:
        click.echo(json_text(body), err=True)
    else:
        say(f"error: {_plain(body['detail'])} [{body['code']}]", err=True)
        for line in _particulars(body):
            say(f"  {line}", err=True)
        if body.get("hint"):
            say(f"  hint: {as_command(body['hint'])}", err=True)
    sys.exit(code_for(error))


def _particulars(body: Mapping[str, object]) -> Iterator[str]:
    """What the problem says beside its detail, which is not said twice."""
    for name in ("missing", "allowed", "valid", "deliverables"):
        if found := cast("Sequence[object]", body.get(name) or ()):
            yield f"{name}: {', '.join(map(str, found))}"
    detail = _plain(body["detail"])
    for error in cast("Sequence[Mapping[str, object]]", body.get("errors") or ()):
        where, message = _plain(error["path"]), _plain(error["message"])
        if where not in detail or message not in detail:
            yield f"{where}: {message}"


def _plain(text: object) -> str:
    """As people typed it: the name of a parameter, not its place in the request."""
    return IN_REQUEST.sub(r"\1", str(text)).replace(PYDANTICS, "")


def exit_with(exit_code: int, code: str, detail: str, *, as_json: bool) -> NoReturn:
    """Print `detail` on stderr, as text or as a problem with the code `code`, and end the process."""
    if as_json:
        click.echo(json_text({"code": code, "detail": detail}), err=True)
    else:
        say(f"error: {detail}", err=True)
    sys.exit(exit_code)


def _body(error: ProblemError | UnreachableError) -> dict[str, object]:
    if isinstance(error, UnreachableError):
        hint = "start it with `makima up`, or set its address with `--url` or MAKIMA_URL"
        return {"code": "UNAVAILABLE", "detail": str(error), "hint": hint}
    return {"code": error.code, "detail": error.detail, **error.body}
