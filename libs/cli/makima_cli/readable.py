"""Makes texts that others wrote safe to print for people: a name, a question or an activity may contain what a
terminal obeys (colours, its title, its clipboard), what hides the line above, what reverses the direction, or what
nobody sees, so that two names look equal.
JSON escapes by its own rules what is before the space; the rest of it is escaped here, too.
"""

import json
import os
import re
from typing import Final

import click
import orjson

# Line and paragraph separators, and changes of direction.
_DIRECTING: Final = "\u2028\u2029\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
# What has no width and no form: soft hyphens, fillers, spaces and operators of no width, and tags.
_UNSEEN: Final = (
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
# Joiners, where they join nothing: emoji and scripts that need them stand on both sides of theirs.
_JOINER: Final = "(?<![^\x00-\x7f])[\u200c\u200d]|[\u200c\u200d](?![^\x00-\x7f])"
# Those, control characters (C0, DEL, C1), and lone surrogates.
_OBEYED: Final = re.compile(f"[\x00-\x1f\x7f-\x9f{_DIRECTING}{_UNSEEN}\ud800-\udfff]|{_JOINER}")
# Those of them that JSON may have as they are, and a lone surrogate never is: always within a string.
_IN_JSON: Final = re.compile(f"[\x7f-\x9f{_DIRECTING}{_UNSEEN}]|{_JOINER}")


def json_text(value: object, *, indent: bool = False) -> str:
    r"""The value as JSON in which nothing commands a terminal: `\u009b`, `\u202e`. A parser reads the same value."""
    text = orjson.dumps(value, option=orjson.OPT_INDENT_2 if indent else 0).decode()
    return _IN_JSON.sub(lambda found: json.dumps(found[0])[1:-1], text)


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
