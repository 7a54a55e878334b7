"""`makima contracts advance`: change to another phase, or (dry run) check whether that is allowed."""

import sys
from collections.abc import Sequence
from typing import cast

import click

from makima_cli import exits
from makima_cli.contracts.show import print_contract
from makima_cli.session import Session, echo_json, with_session


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option("--phase", required=True, help="Where to.")
@click.option("--force", is_flag=True, help="Whatever order and gate say; never past a guard.")
@click.option("--confirm", is_flag=True, help="You have looked, and confirm what the guard asks for.")
@click.option("--dry-run", is_flag=True, help="Only say whether it would work (exit 5 if not).")
@click.option("--reason", help="Why; it stands in the log.")
@with_session("table", "json")
def advance(session: Session, contract_id: str, *, phase: str, force: bool, confirm: bool, dry_run: bool, reason: str | None) -> None:
    """On to a phase."""
    body: dict[str, object] = {"phase": phase, "force": force, "confirmed": confirm}
    if reason is not None:
        body["reason"] = reason
    if dry_run:
        body["dry_run"] = True
    answer = session.send("POST", f"/contracts/{contract_id}/phase", body)
    if session.as_json:
        echo_json(answer)
    elif dry_run:
        lacking = cast("Sequence[str]", answer.get("missing") or answer.get("deliverables") or ())
        click.echo(
            "would succeed"
            if answer["would_succeed"]
            else f"would be refused: {answer.get('code')} {', '.join(map(str, lacking))}".rstrip()
        )
    else:
        print_contract(answer)
    if dry_run and not answer["would_succeed"]:
        sys.exit(exits.REFUSED)
