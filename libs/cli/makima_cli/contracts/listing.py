"""`makima contracts list`: contracts with the filters of the API, as a table, compact lines or JSON."""

from collections.abc import Sequence
from typing import Final

import click
from makima_sdk.http import Http, Query

from makima_cli import render
from makima_cli.contracts.show import line_of
from makima_cli.pages import every
from makima_cli.readable import say
from makima_cli.render import Row
from makima_cli.session import Session, echo_json, with_session
from makima_cli.watching import WATCH, print_once_or_watch

MAX_CONTRACTS = 1_000_000
SORTS: Final = ("needs", "progress_at", "created_at", "name")


@click.command("list")
@click.option("--status", metavar="S[,S…]", help="Only contracts in these statuses.")
@click.option("--phase", help="Only contracts in this phase.")
@click.option(
    "--stale/--not-stale",
    default=None,
    help="Only stale contracts, those without activity for a while; or only others.",
)
@click.option(
    "--threshold", metavar="DURATION", help="Time without activity after which a contract is stale, e.g. 30m."
)
@click.option(
    "--waiting/--not-waiting", default=None, help="Only contracts that wait for a person, or only others."
)
@click.option("--search", metavar="TEXT", help="Only contracts with this text in their name or description.")
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    help="What waits for a person first (needs), what moved longest ago (progress_at), the newest (created_at, "
    "as without it), or by name.",
)
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(min=1),
    default=50,
    show_default=True,
    help="Maximum number of contracts.",
)
@WATCH
@with_session("table", "json", "compact")
def list_contracts(
    session: Session,
    *,
    status: str | None,
    phase: str | None,
    stale: bool | None,
    threshold: str | None,
    waiting: bool | None,
    search: str | None,
    sort: str | None,
    limit: int,
    watch: bool,
) -> None:
    """List contracts, newest first unless `--sort` says otherwise; with several filters, those that match all of
    them. Nothing is changed.
    """
    chosen = {
        "status": status,
        "phase": phase,
        "stale": stale,
        "threshold": threshold,
        "waiting": waiting,
        "q": search,
        "sort": sort,
    }
    query: Query = {name: value for name, value in chosen.items() if value is not None}
    print_once_or_watch(
        session, lambda http: fetch(http, query, limit), lambda found: _print(session, found), watch=watch
    )


async def fetch(http: Http, query: Query, limit: int = MAX_CONTRACTS) -> list[Row]:
    """Return up to `limit` contracts."""
    return await every(http, "/contracts", query, limit)


def _print(session: Session, contracts: Sequence[Row]) -> None:
    match session.format:
        case "json":
            echo_json(contracts)
        case "compact":
            for contract in contracts:
                say(line_of(contract))
        case _:
            render.table(
                ("id", "name", "type", "status", "phase", "done", "active"),
                [
                    (
                        render.plain(contract["id"]),
                        render.plain(contract["name"]),
                        render.plain(contract["contract_type"]),
                        render.status(contract),
                        render.plain(contract["phase"]),
                        render.done(contract),
                        render.ago(contract.get("last_activity_at") or contract.get("updated_at")),
                    )
                    for contract in contracts
                ],
                elastic="name",
                optional=("type", "done", "active", "phase"),
            )
