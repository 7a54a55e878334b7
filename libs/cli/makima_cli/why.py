"""`makima why`: the evidence for what makima says about an agent or a daemon."""

from collections.abc import Mapping, Sequence
from typing import Final, cast

import click
from makima_sdk.http import Http, Json
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

from makima_cli import render
from makima_cli.event_summary import agent_word
from makima_cli.evidence import evidence_lines, no_verdict, quiet_lines, status_lines
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session
from makima_cli.wrapping import say_under

NOT_THERE: Final = 404


@click.command()
@click.argument("who", metavar="CONTRACT_ID/ROLE|DAEMON_ID")
@click.option(
    "-n",
    "--limit",
    type=click.IntRange(1, 500),
    default=5,
    show_default=True,
    help="Newest verdicts to show.",
)
@with_session("table", "json", "compact")
def why(session: Session, who: str, *, limit: int) -> None:
    """Say why an agent or a daemon has its status: each verdict with what it rests on, newest first.

    The arrival of the last heartbeat is a `fact`; that its sender is dead is an `inference`: it was silent for longer
    than its timeout, while everything that had reached makima was read. Nothing is changed.
    """
    typed, slash, role = who.partition("/")
    contract_id = str(session.whole("contract_id", typed)) if slash else ""
    who = f"{contract_id}/{role}" if slash else who
    route = path("contracts", contract_id, "agents", role) if slash else path("daemons", who)
    subject, verdicts = session.run(lambda http: _fetch(http, route, limit, who))
    if session.as_json:
        echo_json({"subject": subject, "verdicts": verdicts})
    elif session.format == "compact":
        for verdict in verdicts:
            say(f"{who} {verdict['at']} {verdict['old_status']} {verdict['new_status']} {verdict['event']}")
    else:
        _print(who, subject, verdicts)


async def _fetch(http: Http, route: str, limit: int, who: str) -> tuple[Json, Sequence[Json]]:
    try:
        subject = (await http.send("GET", route)).body
    except ProblemError as error:
        if error.status == NOT_THERE and route.startswith("/daemons/"):
            hint = (
                f"`makima why` wants a daemon's id, or CONTRACT_ID/ROLE; agents: GET /contracts/{who}/agents"
            )
            raise ProblemError(error.status, {**error.body, "hint": hint}) from None
        raise
    found = (await http.send("GET", f"{route}/verdicts", query={"limit": limit})).body
    return subject, cast("Sequence[Json]", found["verdicts"])


def _print(who: str, subject: Json, verdicts: Sequence[Json]) -> None:
    if "agent_status" in subject:
        basis = "reported" if subject.get("evidence") is None else "concluded from silence"
        word = agent_word(subject["agent_status"])
        say_under("", f"agent {who} is {word}, since {render.ago(subject['since'])} ({basis})")
        shown = {**subject, "contract_id": who.partition("/")[0]}
        for line in [*status_lines(shown), *quiet_lines(shown)]:
            say_under("  ", line)
        if subject.get("stuck"):
            moved = render.ago(subject.get("progress_at"))
            say_under("  ", f"it sends heartbeats, and told no progress for {moved}")
    else:
        state = "connected" if subject["connected"] else "disconnected"
        heard = render.ago(subject.get("last_heartbeat"))
        say_under("", f"daemon {who} is {state}; its last heartbeat came {heard} ago")
    if not verdicts:
        say_under("└─ ", no_verdict(subject))
    for number, verdict in enumerate(verdicts, 1):
        last = number == len(verdicts)
        change = f"{verdict['at']}: {verdict['old_status']} → {verdict['new_status']}"
        event = f"({verdict['event']} of {verdict['stream']} at position {verdict['position']})"
        say_under(f"{'└─' if last else '├─'} [inference] ", f"{change}  {event}")
        for line in evidence_lines(cast("Mapping[str, object]", verdict["evidence"])):
            basis, _, text = line.partition("] ")
            say_under(f"{'   ' if last else '│  '}   {basis}] ", text)
