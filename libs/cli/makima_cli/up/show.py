"""What `makima up` prints: one block for people, or one line for programs; news while it runs."""

import json
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import click
from makima_local.processes import Died, Report, Started


@dataclass(frozen=True, slots=True)
class Running:
    """All that is up."""

    url: str
    nats_url: str
    database_url: str
    token: str | None
    data_dir: Path
    services: Mapping[str, int]
    servers: Mapping[str, int | None]
    metrics: Mapping[str, str]


def line(running: Running) -> str:
    document = {
        "url": running.url,
        "nats_url": running.nats_url,
        "database_url": running.database_url,
        "token": running.token,
        "data_dir": str(running.data_dir),
        "services": dict(running.services),
        "servers": dict(running.servers),
        "metrics": dict(running.metrics),
    }
    return json.dumps(document)


def block(running: Running, seconds: float) -> str:
    rows = [
        ("gateway", running.services.get("gateway"), f"{running.url}  (API: {running.url}/docs)"),
        *((name, pid, running.metrics[name]) for name, pid in running.services.items() if name in running.metrics and name != "gateway"),
        *((name, pid, "") for name, pid in running.services.items() if name not in running.metrics),
        ("nats", running.servers["nats"], running.nats_url),
        ("postgres", running.servers["postgres"], running.database_url),
        ("data", None, str(running.data_dir)),
    ]
    width = max(len(name) for name, _, _ in rows)
    lines = [f"  {name:<{width}}  {pid or '':>7}  {where}".rstrip() for name, pid, where in rows]
    tries = ["makima contracts list", "makima monitor", "makima contracts create --name 'My first' --start"]
    return "\n".join(
        [
            f"makima is up ({seconds:.1f} s)",
            "",
            *lines,
            "",
            "Try:",
            *(f"  {command}" for command in tries),
            "",
            "Ctrl-C stops it; what it knows stays.",
        ]
    )


def news(report: Report) -> str | None:
    match report:
        case Started(name, pid, again=True):
            return f"{name} runs again (pid {pid})"
        case Died(name, pid, code, wait):
            return f"{name} (pid {pid}) died: {cause(code)}; starting again {f'in {wait:g} s' if wait else 'at once'}"
        case _:
            return None


def cause(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def say(text: str) -> None:
    """News and progress; stdout is for what was asked."""
    click.echo(f"{datetime.now().astimezone():%H:%M:%S}  {text}", err=True)
