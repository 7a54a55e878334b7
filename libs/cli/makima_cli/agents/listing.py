"""`makima agents list`: agents with the filters of the API, as a table, compact lines or JSON."""

from typing import Final

import click
from makima_sdk.http import Query

from makima_cli import render
from makima_cli.pages import Listed, beginning
from makima_cli.printed_list import print_list, say_rest, with_limit
from makima_cli.render import Row
from makima_cli.session import Session, with_session
from makima_cli.watching import WATCH, print_once_or_watch

SORTS: Final = ("needs", "progress_at", "contract")


@click.command("list")
@click.option("--status", metavar="S[,S…]", help="Only agents in these states, e.g. dead,dead_failed_revive.")
@click.option(
    "--stuck/--not-stuck",
    default=None,
    help="Only agents that send heartbeats and make no progress; or only others.",
)
@click.option("--daemon", metavar="DAEMON_ID", help="Only agents that this daemon runs.")
@click.option(
    "--search", metavar="TEXT", help="Only agents with this text in their role or their contract's name."
)
@click.option(
    "--sort",
    type=click.Choice(SORTS),
    help="What needs a person first (needs), what moved longest ago (progress_at), or by the contract's name.",
)
@with_limit("agents")
@WATCH
@with_session("table", "json", "compact")
def list_agents(
    session: Session,
    *,
    status: str | None,
    stuck: bool | None,
    daemon: str | None,
    search: str | None,
    sort: str | None,
    limit: int,
    watch: bool,
) -> None:
    """List the agents of all contracts; with several filters, those that match all of them. Nothing is changed."""
    chosen = {"status": status, "stuck": stuck, "daemon": daemon, "q": search, "sort": sort}
    query: Query = {name: value for name, value in chosen.items() if value is not None}
    print_once_or_watch(
        session,
        lambda http: beginning(http, "/agents", query, limit),
        lambda agents: _print(session, agents),
        watch=watch,
    )


def _print(session: Session, listed: Listed) -> None:
    say_rest(listed)
    columns = ("agent", "contract", "state", "heard", "moved", "daemon", "does")
    optional = ("does", "daemon", "moved")
    print_list(session, listed.items, columns, _cells, _line, elastic="contract", optional=optional)


def _line(agent: Row) -> str:
    return f"{agent['contract_id']}/{agent['role']} {_state(agent)} {agent['contract_name'] or '-'}"


def _state(agent: Row) -> str:
    return f"{agent['agent_status']}{' stuck' if agent['stuck'] else ''}"


def _cells(agent: Row) -> tuple[str, ...]:
    return (
        render.plain(f"{str(agent['contract_id'])[:8]}/{agent['role']}"),
        render.plain(agent["contract_name"] or "-"),
        render.plain(_state(agent)),
        render.ago(agent["last_heartbeat_at"]),
        render.ago(agent["progress_at"]),
        render.plain(agent["daemon_id"] or "-"),
        render.plain(agent["activity"] or "-"),
    )
