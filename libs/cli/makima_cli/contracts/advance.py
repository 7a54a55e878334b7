"""`makima contracts advance`: change to another phase, or (dry run) check whether that is allowed."""

import sys
from collections.abc import Sequence
from typing import cast

import click
from makima_sdk.paths import path

from makima_cli import exits
from makima_cli.contracts.show import print_contract
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option("--phase", required=True, help="The phase to move to.")
@click.option(
    "--force", is_flag=True, help="Skip the checks of phase order and gate, but not the phase guard."
)
@click.option("--confirm", is_flag=True, help="Give the confirmation that the phase guard requires.")
@click.option(
    "--dry-run", is_flag=True, help="Change nothing; print whether it would succeed (exit code 5 if not)."
)
@click.option("--reason", help="The reason, recorded in the event log.")
@with_session("table", "json", "compact")
def advance(
    session: Session,
    contract_id: str,
    *,
    phase: str,
    force: bool,
    confirm: bool,
    dry_run: bool,
    reason: str | None,
) -> None:
    """Move a contract to another phase."""
    body: dict[str, object] = {"phase": phase, "force": force, "confirmed": confirm}
    if reason is not None:
        body["reason"] = reason
    if dry_run:
        body["dry_run"] = True
    answer = session.send("POST", path("contracts", contract_id, "phase"), body)
    if session.as_json:
        echo_json(answer)
    elif dry_run:
        lacking = cast("Sequence[str]", answer.get("missing") or answer.get("deliverables") or ())
        say(
            "would succeed"
            if answer["would_succeed"]
            else f"would be refused: {answer.get('code')} {', '.join(map(str, lacking))}".rstrip()
        )
    else:
        print_contract(session, answer)
    if dry_run and not answer["would_succeed"]:
        sys.exit(exits.REFUSED)
