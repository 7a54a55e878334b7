"""Opens the monitor on a terminal, and ends it as commands end."""

import gc
from typing import NoReturn, cast

import click
from makima_sdk.monitoring import Filter
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli import exits
from makima_cli.monitor.app import MonitorApp
from makima_cli.monitor.feed import Feed
from makima_cli.monitor.keys import Act
from makima_cli.monitor.model import Pane
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.wanted import CONTRACTS, FilterError, parse
from makima_cli.session import GATEWAY_RETRY_SECONDS, Session, draws


def run(
    session: Session,
    contract_ids: tuple[str, ...],
    *,
    status: str | None,
    stale: bool,
    since: tuple[str | None, int] | None,
) -> None:
    """Until `q` or Ctrl-C. `status` and `stale` are the first filter of the contracts."""
    if not draws():
        raise click.UsageError("--format tui needs a terminal: use --format text or json")
    state, wanted = first_state(contract_ids, status=status, stale=stale, since=since)
    feeds: list[Feed] = []

    async def feed() -> None:
        feeds.append(Feed(session.connection, state, wanted, GATEWAY_RETRY_SECONDS, settle))
        await feeds[0].run()

    async def write(act: Act) -> None:
        await feeds[0].act(act)

    app = MonitorApp(state, feed, write)
    app.run()
    if app.error is not None:
        _conclude(app.error)


def first_state(
    contract_ids: tuple[str, ...], *, status: str | None, stale: bool, since: tuple[str | None, int] | None
) -> tuple[MonitorState, Filter]:
    """The state before anything was read, and which messages are wanted: heartbeats, too, as ages go by them."""
    state = MonitorState(only=frozenset(contract_ids))
    state.epoch, state.position = since or (None, None)
    typed = [f"status:{status}"] if status else []
    try:
        state.filters[Pane.CONTRACTS] = parse(
            " ".join([*typed, *(["stale:true"] if stale else [])]), CONTRACTS
        )
    except FilterError as error:
        raise click.UsageError(str(error)) from error
    return state, Filter(contract_ids, include_heartbeats=True)


def settle() -> None:
    """What was read lives long: each collection of garbage that walks it would hold up a key."""
    gc.collect()
    gc.freeze()


def _conclude(error: Exception) -> NoReturn:
    """Print it, and end with its exit code."""
    if isinstance(error, ExceptionGroup):
        group = cast("ExceptionGroup[Exception]", error)
        _conclude(group.exceptions[0])
    if isinstance(error, (ProblemError, UnreachableError)):
        exits.exit_with_problem(error, as_json=False)
    raise error
