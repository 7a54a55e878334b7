"""Makes texts that others wrote safe to print for people: a name, a question or an activity may contain what a
terminal obeys (colours, its title, its clipboard), what hides the line above, or what reverses the direction.
JSON needs none of this: it escapes by its own rules.
"""

import re
from typing import Final

import click

# Control characters (C0, DEL, C1), line and paragraph separators, changes of direction, and lone surrogates.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)


def readable(text: object) -> str:
    r"""The text with each such character as people write it: `\x1b`, `\n`, `\u202e`."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], str(text))


def say(text: str, *, err: bool = False, fg: str | None = None, dim: bool | None = None) -> None:
    """Print one line for people. All text lines of the commands are printed here, so that none is obeyed."""
    click.secho(readable(text), err=err, fg=fg, dim=dim)
