"""`makima contracts monitor`: prints events as they arrive, one line each, or opens the screen."""

import re
from collections.abc import Sequence
from typing import Final

import click
from makima_sdk.http import Http
from makima_sdk.monitoring import Filter, MonitorEvent
from makima_sdk.monitoring import monitor as stream
from makima_sdk.paths import path

from makima_cli.event_summary import summary
from makima_cli.readable import coloured, json_text, readable, say
from makima_cli.render import COLOURS
from makima_cli.session import GATEWAY_RETRY_SECONDS, Session, with_session

# Events that `--quiet` lets through.
QUIET: Final = frozenset({"StatusChanged", "StaleDetected", "QuestionAsked", "AgentStatusChanged"})
FRAME: Final = frozenset({"hello", "reset"})  # messages about the stream; always printed
LAGGING: Final = "lagging"  # this client is behind the log; no event of a contract
PLACE: Final = re.compile(r"(?:(?P<epoch>[A-Za-z0-9-]{1,64}):)?(?P<position>\d{1,18})")


class Place(click.ParamType[tuple[str | None, int]]):
    """A position of the log, and perhaps which log's: `EPOCH:POSITION`, as an event stream's id."""

    name = "place"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str | None, int]:
        found = PLACE.fullmatch(str(value))
        if found is None:
            self.fail(f"{str(value)!r} is no position, nor EPOCH:POSITION", param, ctx)
        return found["epoch"], int(found["position"])


@click.command()
@click.argument("contract_ids", metavar="[ID]…", nargs=-1)
@click.option("--status", metavar="S[,S…]", help="Only contracts in these statuses.")
@click.option("--stale", is_flag=True, help="Only events of contracts that become stale or recover.")
@click.option("--quiet", is_flag=True, help="Only events that may need action by a person.")
@click.option("--heartbeats", is_flag=True, help="Include heartbeats.")
@click.option(
    "--since",
    type=Place(),
    metavar="[EPOCH:]POSITION",
    help="Start after this log position; without it, with new events. `hello` tells the epoch: one of before a"
    " restore is answered with `reset`.",
)
@with_session("text", "json", "tui", on_terminal="tui")
def monitor(
    session: Session,
    contract_ids: tuple[str, ...],
    *,
    status: str | None,
    stale: bool,
    quiet: bool,
    heartbeats: bool,
    since: tuple[str | None, int] | None,
) -> None:
    """Show events as they happen, until Ctrl-C. With JSON, one event per line.

    On a terminal it is a screen with contracts, agents, events and what waits for you: press ? there.
    """
    if since is None:  # with it, the past of a contract that was deleted can be told
        session.run(lambda http: _find(http, contract_ids))
    if session.format == "tui":
        if quiet:
            raise click.UsageError(
                "--quiet is for --format text and json: the screen shows what needs you first"
            )
        from makima_cli.monitor.run import run  # noqa: PLC0415 - textual is imported only where it draws

        run(session, contract_ids, status=status, stale=stale, since=since)
        return
    wanted = Filter(contract_ids, tuple(status.split(",")) if status else (), include_heartbeats=heartbeats)

    epoch, position = since or (None, None)

    async def watch() -> None:
        events = stream(
            session.connection, wanted, since=position, epoch=epoch, first_patience=GATEWAY_RETRY_SECONDS
        )
        async for event in events:
            kind = str(event.get("type"))
            if kind == LAGGING:
                say(f"-- behind: at {event.get('position')} of {event.get('head')}", err=True, dim=True)
                continue
            if not matches(kind, stale=stale, quiet=quiet):
                continue
            if session.as_json:
                click.echo(json_text(event))
            else:
                _print(event)

    session.conclude(watch())


def matches(kind: str, *, stale: bool, quiet: bool) -> bool:
    """Whether a message of this kind is printed."""
    return kind in FRAME or ((not stale or kind.startswith("Stale")) and (not quiet or kind in QUIET))


async def _find(http: Http, contract_ids: Sequence[str]) -> None:
    """Raises `ProblemError` of a contract that is not there: its events would be awaited for ever."""
    for contract_id in contract_ids:
        await http.send("GET", path("contracts", contract_id))


def _print(event: MonitorEvent) -> None:
    kind = str(event.get("type"))
    if kind in FRAME:
        say(f"-- {kind} {event.get('reason') or event.get('position')}", err=True, dim=True)
        return
    at, contract = str(event.get("timestamp", ""))[11:19], str(event.get("contract_id", ""))
    click.echo(
        f"{readable(f'{at}  {kind:<22} {contract:<36}')}  "
        f"{click.style(readable(summary(event)), fg=_colour(str(event.get('new_status'))))}"
    )


def _colour(status: str) -> str | None:
    """Click's name of the status's colour; None for no colour. click drops colours if stdout is no terminal."""
    words = COLOURS.get(status, "").split() if coloured() else []
    return words[-1] if words and words[-1] != "dim" else None
