"""The option `--format`: its values, and the option itself for commands that need no connection."""

from collections.abc import Callable
from typing import Final

import click

Command = Callable[..., None]

LIKE_TEXT: Final = ("table", "compact")  # a command without a table prints lines anyway


class OutputFormat(click.Choice[str]):
    """The formats of a command. One that prints text takes the names of the other formats for people, too, so that a
    script may say `--format compact` to every command.
    """

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> str:
        meant = (
            "text" if value in LIKE_TEXT and value not in self.choices and "text" in self.choices else value
        )
        return super().convert(meant, param, ctx)


def with_format(*formats: str) -> Callable[[Command], Command]:
    """Decorator that adds `--format` (the default is the first of `formats`); the command gets it as `output`."""
    return click.option(
        "--format",
        "output",
        type=OutputFormat(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )
