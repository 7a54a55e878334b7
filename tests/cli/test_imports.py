"""A command starts fast, because it imports what it uses and nothing else."""

import subprocess
import sys
from pathlib import Path
from typing import Final

import pytest
from makima_cli.evidence import GIVEN_UP, REPORTED, SUPERVISOR
from makima_cli.render import COLOURS
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

# What takes long to import. `httpx._main` is httpx's own command line, which brings rich and pygments.
SLOW: Final = [
    "asyncio",
    "asyncpg",
    "fastapi",
    "httpx",
    "httpx._main",
    "json",
    "makima_daemon",
    "makima_kernel",
    "makima_local",
    "makima_schemas",
    "mcp",
    "nats",
    "pathlib",
    "psutil",
    "pydantic",
    "pygments",
    "rich",
    "ssl",
    "structlog",
    "textual",
    "urllib",
    "websockets",
]
HTTP: Final = frozenset(["asyncio", "httpx", "json", "makima_schemas", "pathlib", "ssl", "urllib"])
AGENT: Final = HTTP | {"pydantic"}  # the SDK's models
DAEMON: Final = AGENT | {"makima_daemon", "nats", "psutil"}
SERVERS: Final = HTTP | {"asyncpg", "makima_kernel", "makima_local", "nats", "psutil", "pydantic"}
LOGGING: Final = {"structlog", "rich", "pygments"}  # structlog brings the others
# By command, or its group; what is not listed may import `HTTP`.
MAY_IMPORT: Final = {
    "up": SERVERS - {"httpx"},
    "contracts monitor": HTTP | {"websockets"},
    "daemon": DAEMON,
    "hook install": HTTP | {"makima_daemon"},
    "run": AGENT | {"makima_local"},
    "agent": AGENT,
    "context": HTTP | {"makima_local"},
    "doctor": SERVERS,
    "mcp": AGENT | {"mcp", "nats", "psutil"},
    "backup": SERVERS | LOGGING,
    "restore": SERVERS | LOGGING,
    "ledger": SERVERS | LOGGING,
}


@pytest.fixture(scope="module")
def imported() -> dict[str, frozenset[str]]:
    script = Path(__file__).with_name("imported_by.py")
    ran = subprocess.run([sys.executable, script, *SLOW], capture_output=True, text=True, check=True)
    lines = (line.partition(": ") for line in ran.stdout.splitlines())
    return {command: frozenset(modules.split()) for command, _, modules in lines}


def test_help_imports_click_and_nothing_else_that_is_slow(imported: dict[str, frozenset[str]]) -> None:
    assert imported["--help"] == frozenset()


def test_a_command_imports_nothing_that_it_does_not_use(imported: dict[str, frozenset[str]]) -> None:
    assert {"up", "contracts list", "token create"} < imported.keys()
    group = {command: command.partition(" ")[0] for command in imported}
    unused = {
        command: sorted(modules - MAY_IMPORT.get(command, MAY_IMPORT.get(group[command], HTTP)))
        for command, modules in imported.items()
    }
    assert {command: modules for command, modules in unused.items() if modules} == {}


def test_every_status_is_known_without_its_enumeration() -> None:
    assert set(COLOURS) == set(ContractStatus)
    assert {AgentStatus.DEAD, AgentStatus.DEAD_FAILED_REVIVE, AgentStatus.RESTARTING} == REPORTED
    assert (GIVEN_UP, SUPERVISOR) == (AgentStatus.DEAD_FAILED_REVIVE, SUPERVISOR_ROLE)
