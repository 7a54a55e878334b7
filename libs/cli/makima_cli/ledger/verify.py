"""`makima ledger verify`: checks the log for gaps, and that every message of the broker's stream is the log's
event of that position.
"""

import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
from makima_kernel.event_log.named_sql import named
from makima_kernel.nats.streams import stream_problems
from makima_kernel.relay.stream_identity import Match, Mismatch, NoStream, compare

from makima_cli.format_option import with_format
from makima_cli.ledger.servers import Servers, run
from makima_cli.session import echo_json

SQL: Final = named(Path(__file__).with_suffix(".sql"))
FOUND_PROBLEMS: Final = 6


@dataclass(frozen=True, slots=True)
class Found:
    """The result; printed as it is with `--format json`."""

    epoch: str  # identity of the log
    events: int  # number of events in the log, without archived partitions
    head: int  # position of the last event; 0 if there is none
    problems: tuple[str, ...]  # one sentence each; empty if the log is intact


@click.command()
@click.option("--context", metavar="NAME", help="Name of the connection in contexts.toml to use.")
@with_format("text", "json")
def verify(*, context: str | None, output: str) -> None:
    """Check the log for gaps, each event of the broker's stream against it, and the settings of the streams
    that correctness needs. Exit code 6 if one differs.
    """
    found = run(context, _verify, as_json=output == "json")
    if output == "json":
        echo_json(asdict(found))
    else:
        click.echo(f"epoch {found.epoch}: {found.events} events, the last at position {found.head}")
        for problem in found.problems:
            click.echo(f"- {problem}")
        click.echo("the log has problems" if found.problems else "the log is intact")
    if found.problems:
        sys.exit(FOUND_PROBLEMS)


async def _verify(servers: Servers) -> Found:
    """Check the log; reads all of it once. Archived partitions are no gap, as counting starts at the first
    position that is present.
    """
    count, first, head = await servers.pool.fetchrow(SQL["counted"]) or (0, 1, 0)
    problems: list[str] = []
    if count != head - first + 1:
        problems.append(
            f"between positions {first} and {head} there are {count} events: {head - first + 1 - count} are missing"
        )
    if first == 1:  # else the first events of old streams are archived, which would look like a gap
        problems += [
            f"stream {stream} of {tenant} has a gap"
            for tenant, stream in await servers.pool.fetch(SQL["broken"])
        ]
    match await compare(servers.pool, servers.nats, servers.log, after=0):
        case Mismatch(reason):
            problems.append(reason)
        case NoStream():
            problems.append("the broker has no stream of events; a running service creates and fills it")
        case Match():
            pass
    problems += await stream_problems(servers.nats)
    return Found(str(await servers.log.epoch()), count, head, tuple(problems))
