"""`makima contracts confirm`: gives the confirmation that a phase guard waits for."""

import click
from makima_sdk.http import Http, Json
from makima_sdk.paths import path

from makima_cli import exits
from makima_cli.contracts.explain import next_phase
from makima_cli.contracts.show import print_contract
from makima_cli.session import Session, with_session


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option("--phase", help="The phase to confirm; by default the one after the current phase.")
@with_session("table", "json", "compact")
def confirm(session: Session, contract_id: str, *, phase: str | None) -> None:
    """Confirm that a contract with a phase guard may go on, and move it to its next phase.

    The gate of the current phase must be satisfied. If the contract changes between the look at it and the
    confirmation, it is refused (exit code 5): look again.
    """
    contract = session.run(lambda http: confirmed(http, contract_id, phase))
    if contract is None:
        detail = (
            f"{contract_id} is in its last phase: complete it with `makima contracts complete {contract_id}`"
        )
        exits.exit_with(exits.REFUSED, "NO_NEXT_PHASE", detail, as_json=session.as_json)
    print_contract(session, contract)


async def confirmed(
    http: Http, contract_id: str, phase: str | None = None, version: int | None = None
) -> Json | None:
    """The contract in its next phase, or in `phase`; None if there is none. `version`: which the person has seen."""
    contract = (await http.send("GET", path("contracts", contract_id))).body
    following = phase or next_phase(contract)
    if following is None:
        return None
    body = {
        "phase": following,
        "confirmed": True,
        "expected_version": contract["version"] if version is None else version,
    }
    return (await http.send("POST", path("contracts", contract_id, "phase"), body)).body
