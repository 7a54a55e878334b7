"""`makima contracts events`: prints the recorded events of one contract, and follows new ones on request."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final, cast

import click
from makima_sdk.http import Http
from makima_sdk.paths import path

from makima_cli.readable import json_text, readable
from makima_cli.render import Row
from makima_cli.session import FOLLOWING_RETRY_SECONDS, Session, with_session

EVENTS_PAGE_SIZE: Final = 500
EVENTS_POLL_SECONDS: Final = 0.5


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option(
    "--after", type=int, default=0, metavar="VERSION", help="Only events after this version of the contract."
)
@click.option("--follow", is_flag=True, help="Continue with new events, until Ctrl-C.")
@with_session("text", "json")
def events(session: Session, contract_id: str, *, after: int, follow: bool) -> None:
    """Show the recorded events of a contract. With JSON, one CloudEvent per line."""
    session.run(lambda http: _print(session, http, contract_id, after, follow=follow))


async def _print(session: Session, http: Http, contract_id: str, after: int, *, follow: bool) -> None:
    while True:
        page = (
            await http.send(
                "GET",
                path("contracts", contract_id, "events"),
                query={"after": after, "limit": EVENTS_PAGE_SIZE},
            )
        ).body
        if follow:
            http.retry_for = FOLLOWING_RETRY_SECONDS
        found = cast("Sequence[Row]", page["items"])
        for event in found:
            after = int(cast("int", event["streamversion"]))
            click.echo(json_text(event) if session.as_json else readable(_line(event)))
        if not found:
            if not follow:
                return
            await asyncio.sleep(EVENTS_POLL_SECONDS)


def _line(event: Row) -> str:
    name = str(event["type"]).rsplit(".", 2)[-2]
    members = {
        key: value
        for key, value in cast("Mapping[str, object]", event.get("data") or {}).items()
        if value not in (None, "", [])
    }
    text = "  ".join(f"{key}={value}" for key, value in members.items() if not isinstance(value, list | dict))
    return f"{event['time']}  v{event['streamversion']:<4} {name:<22} {text}".rstrip()
