"""The services as programs: which there are, on which ports, with which settings."""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from makima_kernel.credentials import hash_of
from makima_kernel.installed_services import InstalledService, installed_services
from makima_local import ports
from makima_local.data_folder import DataFolder
from makima_local.processes import Program

from makima_cli import demo
from makima_cli.up.options import setting, settings_file
from makima_cli.up.servers import Servers

GATEWAY = "gateway"
FLEET = "demo fleet"


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """What every program needs to know: where the data lies, where the servers are, and (its hash) the administrator's token."""

    folder: DataFolder
    servers: Servers
    port: int
    token: str

    @property
    def url(self) -> str:
        return f"http://{ports.LOOPBACK}:{self.port}"


def services(site: LocalSystem, *, for_demo: bool) -> list[Program]:
    """Every installed service, each with a health port of its own."""
    taken = {site.port}
    pace: Mapping[str, str] = _pace() if for_demo else {}
    return [_service(service, site, _another_port(taken), pace) for service in installed_services()]


def demo_fleet(site: LocalSystem) -> Program:
    """Daemons and agents that know nothing but the public interfaces."""
    env = {"MAKIMA_URL": site.url, "MAKIMA_NATS_URL": site.servers.nats_url, "MAKIMA_TOKEN": site.token}
    command = (sys.executable, "-m", "makima_cli.demo", str(site.folder.path / "demo"))
    return Program(FLEET, command, site.folder.path, site.folder.log("demo"), env=env)


def _service(service: InstalledService, site: LocalSystem, health_port: int, pace: Mapping[str, str]) -> Program:
    name = service.name
    servers = {"MAKIMA_DATABASE_URL": site.servers.database_url, "MAKIMA_NATS_URL": site.servers.nats_url_of(name)}
    env = {**pace, **servers, "MAKIMA_HEALTH_PORT": str(health_port), "MAKIMA_DATA_DIR": str(site.folder.path)}
    if name == GATEWAY:
        env["MAKIMA_PORT"] = str(site.port)
        if "nats" in site.servers.embedded:
            env["MAKIMA_NATS_DIR"] = str(site.folder.nats)
        env["MAKIMA_ADMIN_TOKEN_SHA256"] = hash_of(site.token).hex()
    if settings := settings_file():
        env["MAKIMA_CONFIG"] = str(settings)
    return Program(name, (sys.executable, "-m", service.package), site.folder.path, site.folder.log(name), health_port, env)


def _pace() -> Mapping[str, str]:
    """The demo's deadlines, where the user has none of his own."""
    in_file = setting("contracts")
    own = {f"MAKIMA_CONTRACTS__{name.upper()}" for name in (cast("dict[str, object]", in_file) if isinstance(in_file, dict) else {})}
    return {name: value for name, value in demo.SETTINGS.items() if name not in os.environ and name not in own}


def _another_port(taken: set[int]) -> int:
    while (port := ports.free()) in taken:
        continue
    taken.add(port)
    return port
