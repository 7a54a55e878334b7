"""`makima context ls`: the contexts, without their secrets."""

import click
from makima_local.context import Context
from makima_schemas.addresses import without_credentials

from makima_cli import render
from makima_cli.context.known import known_contexts
from makima_cli.format_option import with_format
from makima_cli.readable import say
from makima_cli.session import echo_json
from makima_cli.watching import WATCH, print_again_and_again


@click.command("ls")
@WATCH
@with_format("table", "json", "compact")
def list_contexts(*, output: str, watch: bool) -> None:
    """List the contexts of contexts.toml. The current one, which commands use unless told otherwise, is marked."""
    if watch:
        print_again_and_again(lambda: _print(output), as_json=output == "json")
    _print(output)


def _print(output: str) -> None:
    known = known_contexts()
    shown = [
        {**_shown(context), "current": context.name == known.current} for context in known.by_name.values()
    ]
    if output == "json":
        echo_json(shown)
    elif output == "compact":
        for row in shown:
            say(f"{row['name']} {row['url']}")
    else:
        render.table(
            ("current", "name", "url", "nats", "token", "data"),
            [
                (
                    "*" if row["current"] else "",
                    render.plain(row["name"]),
                    render.plain(row["url"]),
                    render.plain(row["nats_url"] or "-"),
                    "yes" if row["has_token"] else "no",
                    render.plain(row["data_dir"] or "-"),
                )
                for row in shown
            ],
            elastic="data",
            optional=("data", "nats"),
        )


def _shown(context: Context) -> dict[str, object]:
    """Its members without secrets: of the token whether there is one, of an address what is not a password."""
    return {
        "name": context.name,
        "url": without_credentials(context.url),
        "nats_url": without_credentials(context.nats_url) or None,
        "has_token": bool(context.token),
        "data_dir": context.data_dir,
    }
