"""The services as programs: which there are, on which ports, with which settings."""

import sys
from pathlib import Path

from makima_local import ports
from makima_local.data_folder import DataFolder
from makima_local.processes import Program

from makima_cli.up.options import settings_file
from makima_cli.up.servers import Servers

GATEWAY = "gateway"


def programs(workspace: Path, folder: DataFolder, servers: Servers, port: int) -> list[Program]:
    """Every folder of `services/` that can be run, each with a health port of its own."""
    names = sorted(path.parent.name for path in workspace.glob("services/*/__main__.py"))
    taken = {port}
    return [_program(name, workspace, folder, servers, port, health_port=_another_port(taken)) for name in names]


def demo_fleet(workspace: Path, folder: DataFolder, url: str, servers: Servers) -> Program:
    """Daemons and agents that know nothing but the public interfaces."""
    env = {"MAKIMA_URL": url, "MAKIMA_NATS_URL": servers.nats_url}
    return Program("demo fleet", (sys.executable, "-m", "makima_sdk.demo"), workspace, folder.log("demo"), env=env)


def _program(name: str, workspace: Path, folder: DataFolder, servers: Servers, port: int, *, health_port: int) -> Program:
    env = {"MAKIMA_DATABASE_URL": servers.database_url, "MAKIMA_NATS_URL": servers.nats_url, "MAKIMA_HEALTH_PORT": str(health_port)}
    if name == GATEWAY:
        env["MAKIMA_PORT"] = str(port)
    if settings := settings_file():
        env["MAKIMA_CONFIG"] = str(settings)
    return Program(name, (sys.executable, "-m", f"services.{name}"), workspace, folder.log(name), health_port, env)


def _another_port(taken: set[int]) -> int:
    while (port := ports.free()) in taken:
        continue
    taken.add(port)
    return port
