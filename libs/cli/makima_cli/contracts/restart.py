"""`makima contracts restart-supervisor`: asks the daemon to start a contract's supervisor again."""

import click
from makima_sdk.paths import path

from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


@click.command(
    "restart-supervisor",
)
@click.argument("contract_id", metavar="ID")
@click.option("--reason", help="The reason, recorded in the event log.")
@with_session("table", "json", "compact")
def restart_supervisor(session: Session, contract_id: str, *, reason: str | None) -> None:
    """Ask the daemon of a contract to end its supervisor and start it again, also one that is alive.

    It continues from its saved state. The answer says that the daemon was asked; `makima contracts health ID` says
    when the supervisor is back. Exit code 8 if the daemon is disconnected: start the daemon first.
    """
    body = {} if reason is None else {"reason": reason}
    answer = session.send("POST", path("contracts", contract_id, "supervisor", "restart"), body)
    if session.as_json:
        echo_json(answer)
    else:
        say(f"daemon {answer['daemon_id']} is asked to restart supervisor {answer['task_id']}")
