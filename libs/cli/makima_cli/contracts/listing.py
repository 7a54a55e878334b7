"""`makima contracts list`: contracts with the filters of the API, as a table, compact lines or JSON."""

from typing import Final

import click
from makima_sdk.http import Query

from makima_cli import render
from makima_cli.contracts.show import line_of
from makima_cli.pages import Listed, beginning
from makima_cli.printed_list import print_list, say_rest, with_limit
from makima_cli.render import Row
from makima_cli.session import Session, with_session
from makima_cli.watching import WATCH, print_once_or_watch

SORTS: Final = ("needs", "progress_at", "created_at", "name")


@click.command("list")
@click.option("--status", metavar="S[,S…]", help="Only contracts in these statuses.")
@click.option("--phase", help="Only contracts in this phase.")
@click.option(
    "--stale/--not-stale",
    default=None,
    help="Only contracts that count as stale: without activity for their own time (`create --stale-after`); or only others.",
)
@click.option(
    "--threshold",
    metavar="DURATION",
    help="Only contracts without activity for so long, e.g. 30m: with it, --stale means this, instead of each contract's "
    "own time.",
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
@with_limit("contracts")
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
        session,
        lambda http: beginning(http, "/contracts", query, limit),
        lambda found: _print(session, found),
        watch=watch,
    )


def _print(session: Session, listed: Listed) -> None:
    say_rest(listed)
    columns = ("id", "name", "type", "status", "phase", "done", "active")
    optional = ("type", "done", "active", "phase")
    print_list(session, listed.items, columns, _cells, line_of, elastic="name", optional=optional)


def _cells(contract: Row) -> tuple[str, ...]:
    return (
        render.plain(contract["id"]),
        render.plain(contract["name"]),
        render.plain(contract["contract_type"]),
        render.status(contract),
        render.plain(contract["phase"]),
        render.done(contract),
        render.ago(contract.get("last_activity_at") or contract.get("updated_at")),
    )
