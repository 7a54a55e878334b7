"""Questions to the person at the terminal."""

import sys

import click


def require_terminal(instead: str) -> None:
    """Raises `UsageError`, which names what to do instead, if there is no terminal to ask on."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise click.UsageError(f"there is no terminal to ask on: {instead}")
