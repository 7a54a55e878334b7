"""The commands that change a contract's status, delete it, or answer its questions: one request each."""

import click
from makima_sdk.paths import path

from makima_cli.contracts.show import print_contract
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session


def _mover(action: str, about: str) -> click.Command:
    @click.command(action, help=about)
    @click.argument("contract_id", metavar="ID")
    @click.option("--reason", help="The reason, recorded in the event log.")
    @click.option("--expected-version", type=int, help="Fail if the contract is not at this version.")
    @with_session("table", "json", "compact")
    def move(session: Session, contract_id: str, *, reason: str | None, expected_version: int | None) -> None:
        given = {"reason": reason, "expected_version": expected_version}
        body = {name: value for name, value in given.items() if value is not None}
        print_contract(session, session.send("POST", path("contracts", contract_id, action), body))

    return move


start = _mover("start", "Start a created contract.")
pause = _mover("pause", "Pause a contract.")
resume = _mover("resume", "Resume a paused contract in the status that it had before.")
block = _mover("block", "Mark a contract as blocked by something outside of it.")
unblock = _mover("unblock", "Remove the block from a blocked contract.")
complete = _mover("complete", "Complete a contract without checking its gates.")
fail = _mover("fail", "Mark a contract as failed.")
reopen = _mover("reopen", "Reopen a completed or failed contract.")
archive = _mover("archive", "Archive a contract.")


@click.command()
@click.argument("contract_id", metavar="ID")
@with_session("table", "json", "compact")
def delete(session: Session, contract_id: str) -> None:
    """Delete an archived contract."""
    session.send("DELETE", path("contracts", contract_id))
    if session.as_json:
        echo_json({"id": contract_id, "deleted": True})
    else:
        say(f"{contract_id} deleted")


@click.command()
@click.argument("contract_id", metavar="ID")
@click.argument("question_id", metavar="QUESTION")
@click.argument("text", metavar="ANSWER")
@with_session("table", "json", "compact")
def answer(session: Session, contract_id: str, question_id: str, text: str) -> None:
    """Answer an agent's question."""
    question = session.send(
        "POST", path("contracts", contract_id, "questions", question_id, "answer"), {"answer": text}
    )
    if session.as_json:
        echo_json(question)
    else:
        say(f"{question_id} answered")
