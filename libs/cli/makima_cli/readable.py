"""Makes texts that others wrote safe to print for people: a name, a question or an activity may contain what a
terminal obeys (colours, its title, its clipboard), what hides the line above, or what reverses the direction.
JSON escapes by its own rules what is before the space; the rest of it is escaped here, too.
"""

import os
import re
from typing import Final

import click
import orjson

# Control characters (C0, DEL, C1), line and paragraph separators, changes of direction, and lone surrogates.
_OBEYED: Final = re.compile(
    "[\x00-\x1f\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
# Those of them that JSON may have as they are, and a lone surrogate never is: always within a string.
_IN_JSON: Final = re.compile("[\x7f-\x9f\u2028\u2029\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def json_text(value: object, *, indent: bool = False) -> str:
    r"""The value as JSON in which nothing commands a terminal: `\u009b`, `\u202e`. A parser reads the same value."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _IN_JSON.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


COLOURLESS: Final = ("", "dumb", "unknown")  # values of TERM


def readable(text: object) -> str:
    r"""The text with each such character as people write it: `\x1b`, `\n`, `\u202e`."""
    return _OBEYED.sub(lambda found: ascii(found[0])[1:-1], str(text))


def coloured() -> bool:
    """False if NO_COLOR is set (no-color.org), or if the terminal is none that is known to have colours."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM", "") not in COLOURLESS


def say(text: str, *, err: bool = False, fg: str | None = None, dim: bool | None = None) -> None:
    """Print one line for people. All text lines of the commands are printed here, so that none is obeyed."""
    line = readable(text)
    click.echo(click.style(line, fg=fg, dim=dim) if (fg or dim) and coloured() else line, err=err)
