"""`makima context use` and `makima context add`: change contexts.toml."""

import re
import sys
from pathlib import Path
from typing import Final

import click
from makima_local import context
from makima_local.context import Context
from makima_sdk.transport import address, authorization

from makima_cli import exits
from makima_cli.context.known import known_contexts
from makima_cli.format_option import with_format
from makima_cli.readable import say
from makima_cli.session import echo_json

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
MAX_TOKEN_BYTES: Final = 4096
STDIN: Final = Path("-")


@click.command()
@click.argument("context_name", metavar="NAME")
@with_format("text", "json")
def use(context_name: str, *, output: str) -> None:
    """Make a context the current one: commands connect to it unless --context, --url or the environment say
    otherwise.
    """
    if context_name not in known_contexts().by_name or not context.use(context_name):
        names = ", ".join(known_contexts().by_name) or "none"
        detail = f"no context {context_name[:100]!a}; known: {names}"
        exits.exit_with(exits.NOT_FOUND, "CONTEXT_NOT_FOUND", detail, as_json=output == "json")
    if output == "json":
        echo_json({"name": context_name, "current": True})
    else:
        say(f"{context_name} is the current context")


@click.command()
@click.argument("context_name", metavar="NAME")
@click.option("--url", required=True, metavar="URL", help="Address of the makima server.")
@click.option("--nats-url", default="", metavar="URL", help="Address of its NATS, for daemons and agents.")
@click.option(
    "--token-file",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    metavar="FILE",
    help="File with the access token; -: stdin. A token is no option: every process can read the arguments of others.",
)
@click.option("--replace", is_flag=True, help="Replace the context if there is one of this name.")
@click.option("--use", "make_current", is_flag=True, help="Also make it the current one.")
@with_format("text", "json")
def add(
    context_name: str,
    *,
    url: str,
    nats_url: str,
    token_file: Path | None,
    replace: bool,
    make_current: bool,
    output: str,
) -> None:
    """Add a context to contexts.toml, which only you can read. Its token is sent to its own address alone."""
    if not NAME.fullmatch(context_name):
        raise click.UsageError(
            f"{context_name[:100]!a} is no name: use letters, digits, dots, hyphens and underscores, at most 64"
        )
    token = None if token_file is None else _token(token_file)
    made = Context(context_name, address(url), nats_url, token=token)
    if context_name in known_contexts().by_name and not replace:
        detail = f"there is a context {context_name} already: choose another name, or give --replace"
        exits.exit_with(exits.REFUSED, "CONTEXT_EXISTS", detail, as_json=output == "json")
    context.remember(made)
    if make_current:
        context.use(context_name)
    current = known_contexts().current == context_name
    if output == "json":
        echo_json({"name": context_name, "url": made.url, "has_token": token is not None, "current": current})
    else:
        say(
            f"{context_name} added{', and current' if current else f'; use it with: makima context use {context_name}'}"
        )


def _token(file: Path) -> str:
    """Raises `UsageError`, which does not contain the token."""
    try:
        if file != STDIN:
            with file.open("rb") as secret:
                text = secret.read(MAX_TOKEN_BYTES).decode().strip()
        elif sys.stdin.isatty():
            text = str(click.prompt("Token", hide_input=True, err=True)).strip()
        else:
            text = sys.stdin.read(MAX_TOKEN_BYTES).strip()
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--token-file {file} cannot be read: {error}") from error
    if not text:
        raise click.UsageError(f"--token-file {file} is empty: it must hold an access token")
    authorization(text)
    return text
