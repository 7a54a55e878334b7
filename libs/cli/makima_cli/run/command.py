"""`makima run`: joins, runs a command, beats while it runs, and leaves when it has ended well."""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Final
from uuid import uuid4

import click
from makima_sdk.agent import Agent

from makima_cli import exits
from makima_cli.agent_identity import Identity, with_identity
from makima_cli.agent_process import conclude
from makima_cli.run.child import Child, terminal_handed_to
from makima_cli.session import Session, with_session

ACTIVITY_SECONDS: Final = 5.0  # between two lines that are told: a build writes thousands
COMMAND_NOT_FOUND: Final = 127  # as shells have it
CANNOT_RUN: Final = 126


@click.command(context_settings={"ignore_unknown_options": True})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- CMD…")
@with_identity
@with_session("text", "json")
def run(session: Session, command: tuple[str, ...], *, identity: Identity) -> None:
    """Run a command as an agent: it is alive while the command runs, and does what the command's newest line says.

    What it reads and writes goes through unchanged. Exit 0 means that the agent has left; any other code is a crash,
    is reported as one, and is passed on. Signals go to the command; one that ends it is no crash. When a newer process
    of the agent takes over, the command is ended (exit 5).
    """
    code, unstarted = conclude(session, _run(session, identity, command))
    if unstarted is not None:
        exits.exit_with(code, "CANNOT_RUN", unstarted, as_json=session.as_json)
    sys.exit(code)


async def _run(session: Session, identity: Identity, command: Sequence[str]) -> tuple[int, str | None]:
    """The exit code, and why the command could not be started if it could not."""
    connection_id = identity.connection_id or str(uuid4())
    daemon_id = os.environ.get("MAKIMA_DAEMON")
    agent = Agent(identity.contract_id, identity.role, session.connection, connection_id, daemon_id=daemon_id)
    async with agent:
        activity, child = _Activity(agent), Child()
        child.pass_signals_on()
        try:
            await child.start(command, _environment(identity, connection_id), activity.note)
        except OSError as error:
            why = f"{command[0]} cannot be started: {error.strerror or error}"
            agent.crash(why)
            return COMMAND_NOT_FOUND if isinstance(error, FileNotFoundError) else CANNOT_RUN, why
        with suppress(ProcessLookupError):  # it has ended already
            agent.watch(child.pid)
        async with asyncio.TaskGroup() as tasks:
            reporting = tasks.create_task(activity.report())
            code = await _until_ended(child)
            reporting.cancel()
        if code and not child.stop_asked:
            agent.crash(f"the command ended with exit code {code}")
        return code, None


async def _until_ended(child: Child) -> int:
    """Its exit code. If this agent is fenced meanwhile, or ended by force, the command and what it started is, too."""
    try:
        with terminal_handed_to(child.pid):
            return await child.wait()
    except asyncio.CancelledError:
        await asyncio.shield(child.end())
        raise


class _Activity:
    """The command's newest line, told at most every `ACTIVITY_SECONDS`."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._line = ""
        self._changed = asyncio.Event()

    def note(self, line: str) -> None:
        self._line = line
        self._changed.set()

    async def report(self) -> None:
        while True:
            await self._changed.wait()
            self._changed.clear()
            self._agent.report(activity=self._line)
            await asyncio.sleep(ACTIVITY_SECONDS)


def _environment(identity: Identity, connection_id: str) -> dict[str, str]:
    """So that the command can complete its tasks by `makima agent`, or be an MCP client of `makima mcp`."""
    return {
        **os.environ,
        "MAKIMA_CONTRACT": identity.contract_id,
        "MAKIMA_ROLE": identity.role,
        "MAKIMA_CONNECTION_ID": connection_id,
    }
