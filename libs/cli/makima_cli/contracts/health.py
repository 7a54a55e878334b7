"""`makima contracts health`: the verdict on a contract, and what it rests on."""

from collections.abc import Sequence
from typing import cast

import click
from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli import render
from makima_cli.next_steps import as_command, who
from makima_cli.readable import say
from makima_cli.render import Row
from makima_cli.session import Session, echo_json, with_session
from makima_cli.watching import WATCH, print_once_or_watch
from makima_cli.wrapping import say_under


@click.command()
@click.argument("contract_id", metavar="ID")
@WATCH
@with_session("table", "json", "compact")
def health(session: Session, contract_id: str, *, watch: bool) -> None:
    """Say whether a contract is well, and why: a verdict, each reason with its proof, and what to do next.

    A reason is a `fact`, which the event log holds, or an `inference`: concluded from silence, which may be wrong.
    Nothing is changed.
    """

    async def fetch(http: Http) -> Json:
        return (await http.send("GET", path("contracts", contract_id, "health"))).body

    print_once_or_watch(session, fetch, lambda found: _print(session, contract_id, found), watch=watch)


def _print(session: Session, contract_id: str, found: Json) -> None:
    reasons = cast("Sequence[Row]", found["reasons"])
    if session.as_json:
        echo_json(found)
    elif session.format == "compact":
        say(
            f"{contract_id} {found['verdict']} {','.join(str(reason['code']) for reason in reasons)}".rstrip()
        )
    else:
        say_under("", f"{contract_id} is {found['verdict']}")
        for reason in reasons:
            print_reason(reason, "  ")


def print_reason(reason: Row, margin: str) -> None:
    """What is so, since when, what proves it, who must act and how."""
    since = f"  ({render.ago(reason['since'])})" if reason.get("since") else ""
    say_under(f"{margin}[{reason['kind']}] ", f"{reason['code']}: {reason['text']}{since}")
    if reason.get("proof"):
        say_under(f"{margin}    proof: ", _proof(cast("Row", reason["proof"])))
    say_under(f"{margin}    who:   ", who(reason["code"]))
    say(f"{margin}    do:    {as_command(reason['act'])}")  # in one piece, so that it can be copied


def _proof(proof: Row) -> str:
    place = proof.get("position")
    parts = (
        str(proof.get("event") or "the state"),
        f"of stream {proof['stream']}",
        "" if place is None else f"at position {place}",
    )
    return " ".join(part for part in parts if part)
