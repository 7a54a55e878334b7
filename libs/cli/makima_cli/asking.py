"""Questions to the person at the terminal."""

import sys

import click


def on_terminal() -> bool:
    """True if somebody can be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def require_terminal(instead: str) -> None:
    """Raises `UsageError`, which names what to do instead, if there is no terminal to ask on."""
    if not on_terminal():
        raise click.UsageError(f"there is no terminal to ask on: {instead}")
