"""`makima agent wait-for-task`: an agent until a task has come; the next command goes on under its connection."""

import asyncio
from typing import Final

import click
from makima_sdk.agent import Agent
from makima_sdk.models import Task

from makima_cli import exits
from makima_cli.agent_identity import Identity, with_identity
from makima_cli.agent_process import conclude
from makima_cli.readable import say
from makima_cli.session import Session, echo_json, with_session

ENDED: Final = "the contract has ended: no task will come"


@click.command("wait-for-task")
@click.option(
    "--timeout",
    type=click.FloatRange(min=0),
    default=0,
    metavar="SECONDS",
    help="Stop waiting after this time (exit code 7); 0: no limit.",
)
@with_identity
@with_session("json", "text")
def wait_for_task(session: Session, *, identity: Identity, timeout: float) -> None:
    """Join, wait until there is a task for the role, claim it, and print it as JSON, or as its id and its name.

    A task that the agent holds already is printed at once. The agent stays joined, for `task-started`; Ctrl-C and
    SIGTERM make it leave. Exit code 5 if the contract has ended.
    """
    try:
        task = conclude(session, _next(session, identity, timeout))
    except TimeoutError:
        detail = f"no task for {identity.role} of {identity.contract_id} within {timeout:g} s"
        exits.exit_with(exits.TIMED_OUT, "TIMED_OUT", detail, as_json=session.as_json)
    if task is None:
        exits.exit_with(exits.REFUSED, "CONTRACT_ENDED", ENDED, as_json=session.as_json)
    if session.as_json:
        echo_json(task)
    else:
        say(f"{task.id} {task.name}")


async def _next(session: Session, identity: Identity, timeout: float) -> Task | None:
    """None: the contract has ended. Raises `TimeoutError`; the agent stays then, for the script waits again."""
    agent = Agent(identity.contract_id, identity.role, session.connection, identity.of_script)
    async with agent:
        try:
            async with asyncio.timeout(timeout or None):
                work = await anext(agent.tasks(), None)
        except TimeoutError:
            agent.stay()
            raise
        if work is not None:
            agent.stay()
    return work.task if work else None
