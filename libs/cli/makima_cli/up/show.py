"""What `makima up` prints: a summary for people or one line of JSON for programs, and progress messages."""

import json
import shutil
import signal
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Final

from makima_kernel.telemetry.line_output import LineOutput
from makima_local.processes import Died, Frozen, Ready, Report, Started
from makima_schemas.addresses import without_credentials

from makima_cli import demo

NAME: Final = "makima"
SHORT_TIMES: Final = (
    f"three daemons; with times short enough to watch, unless you have set them: a heartbeat each "
    f"{demo.HEARTBEAT_SECONDS:g} s, dead after {demo.AGENT_TIMEOUT_SECONDS:g} s "
    f"(supervisors {demo.TIMEOUT_SECONDS:g} s), stuck after {demo.STUCK_SECONDS:g} s"
)
TOUR: Final = (
    "Within two minutes the demo shows each state of contracts and agents, a question that waits for you, and a crash\n"
    "with its recovery. What you see: docs/tour.md"
)

_lines = cache(LineOutput)


@dataclass(frozen=True, slots=True)
class Running:
    """Addresses and processes of the running system."""

    url: str  # of the gateway
    nats_url: str  # with the administrator's credentials
    database_url: str
    token: str  # the administrator's
    data_dir: Path
    services: Mapping[str, int]  # service name → pid
    fleet: int | None  # pid of the demo fleet; None: no demo
    servers: Mapping[str, int | None]  # `nats`, `postgres` → pid; None: external
    metrics: Mapping[str, str]  # service name → URL of its metrics


def json_line(running: Running) -> str:
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


def summary(
    running: Running, context: str | None, seconds: float, link: str | None, *, ephemeral: bool = False
) -> str:
    """The block for people: processes, addresses, and commands to try.

    `context` is the name that the commands need as `--context`; None if it is the current context. `seconds`
    is how long the start took. `link` signs a browser in, once; None: there is none. `ephemeral`: the data folder is
    deleted at the end.
    """
    gateway = ("gateway", running.services.get("gateway"), f"{running.url}  (API: {running.url}/docs)")
    others = [
        (name, pid, running.metrics[name]) for name, pid in running.services.items() if name != "gateway"
    ]
    servers = [
        ("nats", running.servers["nats"], without_credentials(running.nats_url)),
        ("postgres", running.servers["postgres"], running.database_url),
    ]
    fleet = [("demo fleet", running.fleet, SHORT_TIMES)] if running.fleet else []
    page = (
        [("page", None, f"{link}  (signs you in once, within a minute; another: {command()} open)")]
        if link
        else []
    )
    rows = [
        gateway,
        *page,
        *others,
        *fleet,
        *servers,
        ("data", None, str(running.data_dir)),
        (
            "token",
            None,
            f"{running.data_dir}/admin-token  (token of the administrator, used by the commands below)",
        ),
    ]
    width = max(len(name) for name, _, _ in rows)
    table = [f"  {name:<{width}}  {pid or '':>7}  {where}".rstrip() for name, pid, where in rows]
    suffix = f" --context {context}" if context else ""
    tries = [
        f"  {command()} contracts {what}{suffix}" for what in ("list", "monitor", "create 'My first' --start")
    ]
    title, end = (
        f"makima is up ({seconds:.1f} s)",
        f"Ctrl-C stops it; the data is {'deleted' if ephemeral else 'kept'}.",
    )
    tour = [TOUR, ""] if running.fleet else []
    return "\n".join([title, "", *table, "", "Try:", *tries, "", *tour, end])


def command() -> str:
    """The command as the user called it, so that printed commands can be copied: `makima`, or
    `.venv/bin/makima` in a clone whose environment is not on the PATH.
    """
    called = sys.argv[0]
    if Path(called).name != NAME:
        return f"{sys.executable} -m makima_cli.main"
    return NAME if shutil.which(NAME) == shutil.which(called) else called


def progress(report: Report) -> str | None:
    match report:
        case Started(name, pid, again=True):
            return f"{name} is running again (pid {pid})"
        case Died(name, pid, code, wait):
            return f"{name} (pid {pid}) exited: {cause(code)}; restarting {f'in {wait:g} s' if wait else 'at once'}"
        case Frozen(name, pid, seconds):
            return f"{name} (pid {pid}) has not answered its health check for {seconds:.0f} s: killing it"
        case Ready(name):
            return f"{name} is ready"
        case Started():
            return None


def cause(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"


def print_progress(text: str) -> None:
    """Print a progress message with the local time on stderr; stdout has only the result.

    The system goes on if nobody reads it, as where a script starts `makima up --json` and reads one line.
    """
    _lines(sys.stderr).write(f"{datetime.now().astimezone():%H:%M:%S}  {text}")
