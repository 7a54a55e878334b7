"""`makima mcp`: the agent is joined while the server runs, and leaves with it."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

import click

from makima_cli.agent_identity import Identity, with_identity
from makima_cli.mcp_server.held_agent import HeldAgent
from makima_cli.mcp_server.tools import server_of
from makima_cli.session import Session, with_session


@click.command()
@with_identity
@with_session("json")
def mcp(session: Session, *, identity: Identity) -> None:
    """Serve the Model Context Protocol on stdin and stdout: an MCP client starts this, and its model is the agent.

    It joins as the agent, beats, and leaves when its client ends. With a connection id (as in a command that
    `makima run` or a daemon runs) it acts for that connection, which is not its own to end: it does not leave then.
    """
    stopped = asyncio.run(_serve(session, identity))
    if stopped is not None:
        sys.stderr.flush()
        os._exit(128 + stopped)  # the thread that reads stdin would be waited for


async def _serve(session: Session, identity: Identity) -> signal.Signals | None:
    """Until the client closes stdin, or a signal comes, which is the answer then."""
    signals: asyncio.Queue[signal.Signals] = asyncio.Queue()
    for number in (signal.SIGTERM, signal.SIGINT):
        with suppress(NotImplementedError):
            asyncio.get_running_loop().add_signal_handler(number, signals.put_nowait, number)
    async with HeldAgent(session.connection, identity) as held:
        serving = asyncio.create_task(server_of(held).run_stdio_async())
        stopping = asyncio.create_task(signals.get())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    if stopping.done():
        return stopping.result()
    stopping.cancel()
    await serving
    return None
