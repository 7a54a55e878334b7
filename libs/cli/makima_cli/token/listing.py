"""`makima token list`: all tokens, including revoked ones, oldest first."""

from collections.abc import Sequence
from typing import Final, cast

import click
from makima_sdk.http import Http

from makima_cli import render
from makima_cli.render import Row
from makima_cli.session import Session, echo_json, with_session

TOKENS_PAGE_SIZE: Final = 500


@click.command("list")
@with_session("table", "json")
def list_tokens(session: Session) -> None:
    """List all tokens, oldest first, without their secrets, which are not stored."""
    tokens = session.run(_fetch)
    if session.as_json:
        echo_json(tokens)
        return
    columns = ("id", "role", "owner", "daemon", "created", "by", "used", "expires", "revoked")
    render.table(
        columns, [_cells(token) for token in tokens], elastic="daemon", optional=("by", "created", "used")
    )


async def _fetch(http: Http) -> list[Row]:
    found: list[Row] = []
    parameters: dict[str, str | int] = {"limit": TOKENS_PAGE_SIZE}
    while True:
        page = (await http.send("GET", "/tokens", query=parameters)).body
        found.extend(cast("Sequence[Row]", page["items"]))
        if page.get("next_cursor") is None:
            return found
        parameters["cursor"] = str(page["next_cursor"])


def _cells(token: Row) -> tuple[str, ...]:
    revoked, used, expires = (token.get(name) for name in ("revoked_at", "last_used_at", "expires_at"))
    texts = [render.plain(token[name] or "-") for name in ("id", "role", "owner", "daemon_id")]
    return (
        *texts,
        f"{render.ago(token['created_at'])} ago",
        render.plain(token["created_by"]),
        f"{render.ago(used)} ago" if used else "-",
        str(expires)[:10] if expires else "never",
        f"{render.ago(revoked)} ago" if revoked else "-",
    )
