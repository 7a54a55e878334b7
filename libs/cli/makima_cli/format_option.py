"""The option `--format` of commands that need no connection."""

from collections.abc import Callable

import click

Command = Callable[..., None]


def with_format(*formats: str) -> Callable[[Command], Command]:
    """Decorator that adds `--format` (the default is the first of `formats`); the command gets it as `output`."""
    return click.option(
        "--format",
        "output",
        type=click.Choice(formats),
        default=formats[0],
        show_default=True,
        help="Output format.",
    )
