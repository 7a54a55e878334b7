"""The commands that change a contract's status, delete it, or answer its questions: one request each."""

import click

from makima_cli.contracts.show import print_contract
from makima_cli.session import Session, echo_json, with_session


def _mover(action: str, about: str) -> click.Command:
    @click.command(action, help=about)
    @click.argument("contract_id", metavar="ID")
    @click.option("--reason", help="Why; it stands in the log.")
    @click.option("--expected-version", type=int, help="Only if the contract is still at this version.")
    @with_session("table", "json")
    def move(session: Session, contract_id: str, *, reason: str | None, expected_version: int | None) -> None:
        given = {"reason": reason, "expected_version": expected_version}
        body = {name: value for name, value in given.items() if value is not None}
        contract = session.send("POST", f"/contracts/{contract_id}/{action}", body)
        if session.as_json:
            echo_json(contract)
        else:
            print_contract(contract)

    return move


start = _mover("start", "Begin the work.")
pause = _mover("pause", "Set it aside for a while.")
resume = _mover("resume", "Go on where it was paused.")
block = _mover("block", "Something outside holds it up.")
unblock = _mover("unblock", "What held it up is gone.")
complete = _mover("complete", "It is done, whatever its gates say.")
fail = _mover("fail", "It will not be done.")
reopen = _mover("reopen", "Take up a completed or failed one again.")
archive = _mover("archive", "Put a finished one away.")


@click.command()
@click.argument("contract_id", metavar="ID")
@with_session("table", "json")
def delete(session: Session, contract_id: str) -> None:
    """Forget an archived one."""
    session.send("DELETE", f"/contracts/{contract_id}")
    if session.as_json:
        echo_json({"id": contract_id, "deleted": True})
    else:
        click.echo(f"{contract_id} deleted")


@click.command()
@click.argument("contract_id", metavar="ID")
@click.argument("question_id", metavar="QUESTION")
@click.argument("text", metavar="ANSWER")
@with_session("table", "json")
def answer(session: Session, contract_id: str, question_id: str, text: str) -> None:
    """Answer an agent's question."""
    question = session.send("POST", f"/contracts/{contract_id}/questions/{question_id}/answer", {"answer": text})
    if session.as_json:
        echo_json(question)
    else:
        click.echo(f"{question_id} answered")
