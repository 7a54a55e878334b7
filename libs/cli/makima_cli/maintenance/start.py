"""`makima maintenance start`: opens a window in which silence is expected."""

from datetime import UTC, datetime, timedelta
from typing import cast

import click
from makima_sdk.http import Json

from makima_cli.durations import seconds_of
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("scope", metavar="SCOPE")
@click.option("--for", "duration", metavar="DURATION", help="How long, e.g. 90s, 30m, 2h; at most 30d.")
@click.option("--until", metavar="TIME", help="Or until when, e.g. 2030-01-31T12:00:00Z.")
@click.option("--reason", required=True, help="Why; whoever looks at the scope sees it.")
@click.option("--replace", is_flag=True, help="Change a window of this scope that is open.")
@with_session("text", "json")
def start(
    session: Session, *, scope: str, duration: str | None, until: str | None, reason: str, replace: bool
) -> None:
    """Declare nobody silent in SCOPE for a while: `all`, `owner:NAME`, `daemon:ID` or `contract:ID`. After it, everyone
    has a full timeout. Without --replace, exit code 5 where a window of this scope is open with another end or reason.
    """
    body: Json = {"scope": scope, "until": _end(duration, until), "reason": reason}
    answer = session.send("PUT" if replace else "POST", "/maintenance", body)
    window = answer
    if replace:
        windows = cast("list[Json]", answer["items"])
        window = next((one for one in windows if one["scope"] == scope), body)
    if session.as_json:
        echo_json(window)
    else:
        say(f"nobody of {scope} is declared silent until {window['until']}")


def _end(duration: str | None, until: str | None) -> str:
    """RFC 3339. Raises `UsageError` unless one of both is given, and says when."""
    if (duration is None) == (until is None):
        raise click.UsageError("give --for DURATION, or --until TIME")
    if until is not None:
        return until
    seconds = seconds_of(duration or "")
    if not seconds:
        raise click.UsageError(f"--for {duration}: it is a number and a unit, e.g. 90s, 30m, 2h or 7d")
    return (datetime.now(UTC) + timedelta(seconds=seconds)).isoformat()
