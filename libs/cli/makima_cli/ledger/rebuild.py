"""`makima ledger rebuild NAME`: rebuilds the tables of a projection from the log, while readers use the old
ones.
"""

import asyncio
import sys
from pathlib import Path
from time import monotonic
from typing import Final

import click
from makima_kernel.commands.client import Bus
from makima_kernel.event_log.named_sql import named
from makima_schemas.commands import Problem
from makima_schemas.errors import HTTP_STATUS, ErrorCode
from makima_sdk.problems import ProblemError

from makima_cli import exits
from makima_cli.format_option import with_format
from makima_cli.ledger.servers import Servers, run
from makima_cli.session import echo_json

SQL: Final = named(Path(__file__).with_suffix(".sql"))
PROGRESS_POLL_SECONDS: Final = 0.2
PROGRESS_LINE_SECONDS: Final = 5.0  # if stderr is no terminal, where a line cannot be overwritten
REBUILD_STALLED_SECONDS: Final = 10.0  # no session holds the rebuild lock: the service that rebuilt has ended
REBUILD_TIMEOUT_SECONDS: Final = 24 * 3600.0


@click.command()
@click.argument("name")
@click.option("--context", metavar="NAME", help="Name of the connection in contexts.toml to use.")
@with_format("text", "json")
def rebuild(name: str, *, context: str | None, output: str) -> None:
    """Rebuild the tables of projection NAME from the log. Readers see the old rows until it ends.

    Use it after a fix of the projection's code. Its service must be running. Progress is printed on stderr.
    """

    async def work(servers: Servers) -> dict[str, object]:
        return await _rebuild(servers, name)

    try:
        rebuilt = run(context, work, as_json=output == "json")
    except ProblemError as error:
        exits.exit_with_problem(error, as_json=output == "json")
    if output == "json":
        echo_json(rebuilt)
    else:
        click.echo(f"{name} is rebuilt, up to position {rebuilt['position']}")


async def _rebuild(servers: Servers, name: str) -> dict[str, object]:
    known: list[str] = [row["consumer"] for row in await servers.pool.fetch(SQL["projections"])]
    if name not in known:
        raise _problem(
            ErrorCode.NOT_FOUND,
            f"there is no projection {name}; the projections are {', '.join(known) or 'none yet'}",
            valid=known,
        )
    asking = asyncio.create_task(
        Bus(servers.nats).query(name, "rebuild", {}, timeout=REBUILD_TIMEOUT_SECONDS)
    )
    try:
        await _watch(servers, name, asking)
        answer = await asking
    finally:
        asking.cancel()
    if isinstance(answer, Problem):
        raise _problem(answer.code, answer.detail, hint=answer.hint)
    return answer


async def _watch(servers: Servers, name: str, asking: asyncio.Task[dict[str, object] | Problem]) -> None:
    """Print progress until `asking` is done.

    Raises a problem (`UNAVAILABLE`) if no session has held the projection's rebuild lock for
    `REBUILD_STALLED_SECONDS`: then the service that rebuilds has ended and will not reply.
    """
    terminal = sys.stderr.isatty()
    last_progress = reported = monotonic()
    while not (await asyncio.wait([asking], timeout=PROGRESS_POLL_SECONDS))[0]:
        position, head, running = await servers.pool.fetchrow(SQL["progress"], name) or (None, 0, False)
        now = monotonic()
        last_progress = now if running else last_progress
        if now - last_progress > REBUILD_STALLED_SECONDS:
            raise _problem(
                ErrorCode.UNAVAILABLE,
                f"the rebuild of {name} stopped: its service has exited",
                hint="run the command again",
            )
        if position is not None and (terminal or now - reported >= PROGRESS_LINE_SECONDS):
            reported = now
            click.echo(f"{name}: {position} of {head} events", err=True, nl=not terminal)
            if terminal:
                click.echo("\r", err=True, nl=False)


def _problem(code: ErrorCode, detail: str, **members: object) -> ProblemError:
    return ProblemError(HTTP_STATUS[code], {"code": code, "detail": detail, **members})
