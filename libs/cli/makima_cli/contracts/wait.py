"""`makima contracts wait`: polls until a contract reaches a status."""

import asyncio

import click
from makima_sdk.http import Http
from makima_sdk.paths import path

from makima_cli import exits
from makima_cli.contracts.show import print_contract
from makima_cli.render import Row
from makima_cli.session import Session, echo_json, with_session

STATUS_POLL_SECONDS = 0.25


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option(
    "--for",
    "wanted",
    required=True,
    metavar="STATUS[,…]",
    help="The status to wait for; of several, any one.",
)
@click.option(
    "--timeout",
    type=float,
    default=0,
    metavar="SECONDS",
    help="Stop waiting after this time (exit code 7); 0: no limit.",
)
@with_session("table", "json")
def wait(session: Session, contract_id: str, *, wanted: str, timeout: float) -> None:
    """Wait until a contract reaches a status."""
    statuses = frozenset(wanted.split(","))

    async def reached(http: Http) -> Row | None:
        try:
            async with asyncio.timeout(timeout or None):
                return await _reached(http, contract_id, statuses)
        except TimeoutError:
            return None

    contract = session.run(reached)
    if contract is None:
        exits.exit_timed_out(
            f"{contract_id} did not reach {wanted} within {timeout:g} s", as_json=session.as_json
        )
    if session.as_json:
        echo_json(contract)
    else:
        print_contract(contract)


async def _reached(http: Http, contract_id: str, statuses: frozenset[str]) -> Row:
    while True:
        contract = (await http.send("GET", path("contracts", contract_id))).body
        if contract["status"] in statuses:
            return contract
        await asyncio.sleep(STATUS_POLL_SECONDS)
