"""`makima contracts create`: creates a contract."""

import click
from makima_sdk.paths import path

from makima_cli.contracts.show import print_contract
from makima_cli.session import Session, with_session


@click.command()
@click.argument("name")
@click.option(
    "--type",
    "contract_type",
    default="simple",
    show_default=True,
    help="simple, specification, execute, or a type that you defined.",
)
@click.option("--description", default="", help="Description of the work.")
@click.option("--guard", is_flag=True, help="Phase guard: a person must confirm each change of phase.")
@click.option(
    "--no-auto-complete", is_flag=True, help="Neither advance nor complete the contract automatically."
)
@click.option(
    "--stale-after",
    type=click.IntRange(min=1),
    metavar="SECONDS",
    help="Time without activity after which the contract is stale.",
)
@click.option("--start", is_flag=True, help="Start the contract at once.")
@with_session("table", "json", "compact")
def create(
    session: Session,
    name: str,
    *,
    contract_type: str,
    description: str,
    guard: bool,
    no_auto_complete: bool,
    stale_after: int | None,
    start: bool,
) -> None:
    """Create a contract."""
    body: dict[str, object] = {
        "name": name,
        "contract_type": contract_type,
        "description": description,
        "phase_guard": guard,
    }
    if no_auto_complete:
        body["auto_complete_enabled"] = False
    if stale_after is not None:
        body["stale_after_seconds"] = stale_after
    contract = session.send("POST", "/contracts", body)
    if start:
        contract = session.send("POST", path("contracts", str(contract["id"]), "start"), {})
    print_contract(session, contract)
