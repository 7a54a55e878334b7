"""`makima maintenance start`: opens or plans a window in which silence is expected."""

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
@click.option("--from", "starts_at", metavar="TIME", help="When it begins; now if it is left out.")
@click.option("--reason", required=True, help="Why; whoever looks at the scope sees it.")
@click.option("--replace", is_flag=True, help="Change the window that this scope has.")
@with_session("text", "json")
def start(
    session: Session,
    *,
    scope: str,
    duration: str | None,
    until: str | None,
    starts_at: str | None,
    reason: str,
    replace: bool,
) -> None:
    """Declare nobody silent in SCOPE for a while: `all`, `owner:NAME`, `daemon:ID` or `contract:ID`. After it, everyone
    has a full timeout. Without --replace, exit code 5 where this scope has a window with another end or reason.
    """
    body: Json = {"scope": scope, "until": _end(duration, until, starts_at), "reason": reason}
    if starts_at is not None:
        body["starts_at"] = starts_at
    answer = session.send("PUT" if replace else "POST", "/maintenance", body)
    window = answer
    if replace:
        windows = cast("list[Json]", answer["items"])
        window = next((one for one in windows if one["scope"] == scope), body)
    if session.as_json:
        echo_json(window)
    else:
        begins = f"from {window['started_at']} " if window.get("planned") else ""
        say(f"nobody of {scope} is declared silent {begins}until {window['until']}")


def _end(duration: str | None, until: str | None, starts_at: str | None) -> str:
    """RFC 3339; `duration` counts from `starts_at`, or now. Raises `UsageError` unless one of both is given, and says when."""
    if (duration is None) == (until is None):
        raise click.UsageError("give --for DURATION, or --until TIME")
    if until is not None:
        return until
    seconds = seconds_of(duration or "")
    if not seconds:
        raise click.UsageError(f"--for {duration}: it is a number and a unit, e.g. 90s, 30m, 2h or 7d")
    return (_moment(starts_at) + timedelta(seconds=seconds)).isoformat()


def _moment(starts_at: str | None) -> datetime:
    if starts_at is None:
        return datetime.now(UTC)
    try:
        return datetime.fromisoformat(starts_at)
    except ValueError as error:
        raise click.UsageError(f"--from {starts_at}: it is a time, e.g. 2030-01-31T12:00:00Z") from error
