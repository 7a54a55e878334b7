"""`makima agent task-started`, `task-complete`, `handoff`, `leave`, `restart`: one request each."""

from collections.abc import Mapping

import click
from makima_sdk.agents import Agents
from makima_sdk.http import Http, Json
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError

from makima_cli.agent_identity import Identity, with_identity
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session

Members = Mapping[str, object]


@click.command("task-started")
@click.argument("task_id", metavar="TASK")
@with_identity
@with_session("text", "json")
def task_started(session: Session, task_id: str, *, identity: Identity) -> None:
    """Say that work on the task has begun: the agent is working."""
    _task_step(session, identity, task_id, "start", {})


@click.command("task-complete")
@click.argument("task_id", metavar="TASK")
@click.option("--failed", is_flag=True, help="It has failed.")
@click.option("--result", help="What came out.")
@with_identity
@with_session("text", "json")
def task_complete(
    session: Session, task_id: str, *, identity: Identity, failed: bool, result: str | None
) -> None:
    """Say that the task is done, or has failed: the agent is ready for the next one."""
    _task_step(session, identity, task_id, "complete", {"success": not failed, "result": result})


@click.command()
@click.argument("task_id", metavar="TASK")
@click.option("--to", "to_role", metavar="ROLE", required=True, help="The role that goes on.")
@click.option("--result", help="What came out.")
@with_identity
@with_session("text", "json")
def handoff(session: Session, task_id: str, *, identity: Identity, to_role: str, result: str | None) -> None:
    """Say that the task is done, and make one for another role that goes on."""
    _task_step(session, identity, task_id, "handoff", {"to_role": to_role, "result": result})


@click.command()
@with_identity
@with_session("text", "json")
def leave(session: Session, *, identity: Identity) -> None:
    """Leave: the agent is offline, and what it held is pending again."""
    body = {"connection_id": identity.of_script}
    _print(session, session.send("POST", _agent(identity, "leave"), body), f"{identity.role} has left")


@click.command()
@click.option("--reason", help="Why; it stands in the log.")
@with_identity
@with_session("text", "json")
def restart(session: Session, *, identity: Identity, reason: str | None) -> None:
    """Have the daemon that runs the agent start it again."""
    answer = session.send("POST", _agent(identity, "restart"), _given({"reason": reason}))
    _print(session, answer, f"the daemon is asked to restart {identity.role}")


def _task_step(session: Session, identity: Identity, task_id: str, step: str, members: Members) -> None:
    body = _given({**members, "connection_id": identity.of_script})
    route = path("contracts", identity.contract_id, "tasks", task_id, step)

    async def send(http: Http) -> Json:
        return await _joined_again(http, identity, route, body)

    task = session.run(send)
    _print(session, task, f"{task.get('name')}: {task.get('status')}")


async def _joined_again(http: Http, identity: Identity, route: str, body: Members) -> Json:
    """The answer; an agent that was declared dead, because nothing beats for it between two commands of its script,
    joins again under its id, and asks again.
    """
    try:
        return (await http.send("POST", route, body)).body
    except ProblemError as problem:
        if problem.code != "REJOIN_REQUIRED":
            raise
    await Agents(http).join(identity.contract_id, identity.role, identity.of_script)
    return (await http.send("POST", route, body)).body


def _agent(identity: Identity, step: str) -> str:
    return path("contracts", identity.contract_id, "agents", identity.role, step)


def _given(members: Members) -> Members:
    return {name: value for name, value in members.items() if value is not None}


def _print(session: Session, answer: Json, message: str) -> None:
    if session.as_json:
        echo_json(answer)
    else:
        say(message)
