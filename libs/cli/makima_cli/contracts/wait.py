"""`makima contracts wait`: polls until a contract reaches a status, also over restarts of the gateway."""

import asyncio
from collections.abc import Mapping
from typing import Final

import click
from makima_sdk.http import Http
from makima_sdk.paths import path

from makima_cli import exits
from makima_cli.contracts.show import print_contract
from makima_cli.render import COLOURS, Row
from makima_cli.session import FOLLOWING_RETRY_SECONDS, Session, with_session

STATUS_POLL_SECONDS: Final = 0.25
# What a contract can still become unless somebody reopens it; it can become anything in the other statuses.
STILL_POSSIBLE: Final[Mapping[str, frozenset[str]]] = {
    "completed": frozenset({"archived"}),
    "failed": frozenset({"archived"}),
    "archived": frozenset(),
}


class Statuses(click.ParamType[frozenset[str]]):
    """Names of statuses with commas between them; space around them does not count."""

    name = "statuses"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> frozenset[str]:
        named = frozenset(name.strip() for name in value.split(","))
        if unknown := sorted(named - COLOURS.keys()):
            self.fail(f"{unknown[0]!a} is no status; there are {', '.join(COLOURS)}", param, ctx)
        return named


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option(
    "--for",
    "wanted",
    required=True,
    type=Statuses(),
    metavar="STATUS[,…]",
    help="The status to wait for; of several, any one.",
)
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Stop waiting after this time (exit code 7); 0: no limit.",
)
@with_session("table", "json", "compact")
def wait(session: Session, contract_id: str, *, wanted: frozenset[str], timeout: float) -> None:
    """Wait until a contract reaches a status. Exit code 5 if only reopening it could still lead there."""

    async def reached(http: Http) -> Row | None:
        try:
            async with asyncio.timeout(timeout or None):
                return await _reached(http, contract_id, wanted)
        except TimeoutError:
            return None

    contract = session.run(reached)
    if contract is None:
        detail = f"{contract_id} did not reach {_names(wanted)} within {timeout:g} s"
        exits.exit_with(exits.TIMED_OUT, "TIMED_OUT", detail, as_json=session.as_json)
    if contract["status"] not in wanted:
        detail = f"{contract_id} is {contract['status']}: only reopened could it still reach {_names(wanted)}"
        exits.exit_with(exits.REFUSED, "UNREACHABLE_STATUS", detail, as_json=session.as_json)
    print_contract(session, contract)


async def _reached(http: Http, contract_id: str, wanted: frozenset[str]) -> Row:
    """The contract in one of the wanted statuses, or in one from which it reaches none of them."""
    while True:
        contract = (await http.send("GET", path("contracts", contract_id))).body
        status = str(contract["status"])
        if status in wanted or not wanted & STILL_POSSIBLE.get(status, wanted):
            return contract
        http.retry_for = FOLLOWING_RETRY_SECONDS
        await asyncio.sleep(STATUS_POLL_SECONDS)


def _names(statuses: frozenset[str]) -> str:
    return " or ".join(sorted(statuses))
