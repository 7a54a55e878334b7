"""The command `makima doctor`: runs the checks, prints one line for each, and exits 6 if one found a problem."""

import asyncio
import sys
from dataclasses import asdict
from typing import Final

import click

from makima_cli import exits
from makima_cli.doctor import connecting, machine
from makima_cli.doctor.finding import Finding, State
from makima_cli.format_option import with_format
from makima_cli.readable import say
from makima_cli.session import echo_json

COLOURS: Final = {State.OK: "green", State.WARNING: "yellow", State.PROBLEM: "red"}


@click.command()
@click.option("--url", metavar="URL", help="Address of the makima server (environment: MAKIMA_URL).")
@click.option("--context", metavar="NAME", help="Name of the connection in contexts.toml to use.")
@with_format("text", "json")
def doctor(*, url: str | None, context: str | None, output: str) -> None:
    """Check every part: context, address, token, gateway, services, broker, versions, clock, and this machine's data
    folder, disk, ports and Postgres. Changes nothing. Exit code 6 if a check found a problem.
    """
    try:
        found = [*asyncio.run(connecting.findings(context, url)), *machine.findings(context)]
    except KeyboardInterrupt:
        sys.exit(exits.INTERRUPTED)
    problems = sum(finding.state is State.PROBLEM for finding in found)
    if output == "json":
        echo_json({"problems": problems, "checks": [asdict(finding) for finding in found]})
    else:
        for finding in found:
            _print(finding)
    if problems:
        sys.exit(exits.FOUND_PROBLEMS)


def _print(finding: Finding) -> None:
    say(f"{finding.state:<8} {finding.check}: {finding.text}", fg=COLOURS[finding.state])
    if finding.hint:
        say(f"         → {finding.hint}")
