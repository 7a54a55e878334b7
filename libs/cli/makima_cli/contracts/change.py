"""The commands that change a contract's status, delete it, or answer its questions: one request each."""

import click
from makima_sdk.http import Http
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

from makima_cli.asking import on_terminal
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


start = _mover(
    "start",
    "Start a created contract: it is active, and a daemon with room for it runs its supervisor and agents.",
)
pause = _mover(
    "pause",
    "Pause a contract. Its agents stay, and what they finish is taken; its phase does not change, and no agent is "
    "restarted, until it is resumed.",
)
resume = _mover("resume", "Resume a paused contract in the status that it had before. Its agents go on.")
block = _mover(
    "block",
    "Mark a contract as blocked by something outside of it. It is listed by `makima needs-you` until it is unblocked.",
)
unblock = _mover("unblock", "Remove the block from a blocked contract, which goes on.")
complete = _mover(
    "complete",
    "Complete a contract without checking its gates. It has ended: its agents get no task any more, and are not missed. "
    "It can be reopened.",
)
fail = _mover(
    "fail",
    "Mark a contract as failed. It has ended: its agents get no task any more, and are not missed. It can be reopened.",
)
reopen = _mover(
    "reopen", "Reopen a completed or failed contract: it is active again, in the phase in which it ended."
)
archive = _mover(
    "archive",
    "Archive a contract that is created, completed or failed: it cannot be reopened any more. Nothing is lost; it can "
    "be read, and deleted.",
)


@click.command()
@click.argument("contract_id", metavar="ID")
@click.option("--force", is_flag=True, help="Do not ask on a terminal.")
@with_session("table", "json", "compact")
def delete(session: Session, contract_id: str, *, force: bool) -> None:
    """Delete an archived contract, for good: its name, tasks, questions and results are gone from every list, and it
    cannot be reopened. Its events stay in the log. On a terminal it asks first; worktrees stay on their machines:
    `makima contracts cleanup` removes those, too.
    """
    route = path("contracts", contract_id)
    if not force and on_terminal():
        name = session.send("GET", route)["name"]
        say(f"{contract_id}: {name}", err=True)
        click.confirm("Delete it for good?", abort=True, err=True)

    async def work(http: Http) -> None:
        try:
            await http.send("DELETE", route)
        except ProblemError as error:
            if error.code != "INVALID_TRANSITION":
                raise
            hint = f"archive it first: `makima contracts archive {contract_id}`"
            raise ProblemError(error.status, {**error.body, "hint": hint}) from None

    session.run(work)
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
