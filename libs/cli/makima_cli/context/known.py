"""contexts.toml as the commands see it."""

import click
from makima_local import context
from makima_local.context import Contexts


def known_contexts() -> Contexts:
    """All contexts. Raises `UsageError` if the file cannot be read."""
    try:
        return context.load()
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: there is no home folder
        raise click.UsageError(f"contexts.toml cannot be read: {error}; correct {_file()}") from error


def _file() -> str:
    try:
        return str(context.file())
    except RuntimeError:
        return "HOME, or set XDG_CONFIG_HOME"
