"""Builds the list of programs that `makima up` runs, with their ports and environment."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from makima_kernel.credentials import hash_of
from makima_kernel.event_log.roles import role_of
from makima_kernel.installed_services import InstalledService, installed_services
from makima_local import ports, private_files
from makima_local.data_folder import DataFolder
from makima_local.nats_users import NatsUsers
from makima_local.processes import Program

from makima_cli import demo
from makima_cli.up.options import setting, settings_file
from makima_cli.up.runs_as import RunsAs
from makima_cli.up.servers import Servers

GATEWAY = "gateway"
FLEET = "demo fleet"
# What our own environment may contain, and no program should inherit: each is told what it needs by files.
WITHOUT_SECRETS: Mapping[str, None] = dict.fromkeys(
    ("MAKIMA_DATABASE_URL", "MAKIMA_NATS_URL", "MAKIMA_TOKEN")
)


@dataclass(frozen=True, slots=True)
class LocalSystem:
    """What the environments of the programs are made of."""

    folder: DataFolder
    servers: Servers
    runs_as: RunsAs
    port: int  # of the gateway's HTTP API
    token: str  # the administrator's; the gateway gets only its hash

    @property
    def url(self) -> str:
        return f"{'https' if setting('tls_cert_file') else 'http'}://{ports.LOOPBACK}:{self.port}"


def services(site: LocalSystem, *, for_demo: bool) -> list[Program]:
    """A program for every installed service, each with its own health port."""
    taken = {site.port}
    pace: Mapping[str, str] = {**_pace(), "MAKIMA_HTTP__DEMO": "true"} if for_demo else {}
    return [_service(service, site, _another_port(taken), pace) for service in installed_services()]


def demo_fleet(site: LocalSystem) -> Program:
    """The program of the demo fleet. Its daemons and agents use only the public interfaces."""
    env = {
        **WITHOUT_SECRETS,
        **site.runs_as.env(site.folder.path),
        **_in_files(site, "demo", MAKIMA_NATS_URL=site.servers.nats_url, MAKIMA_TOKEN=site.token),
        "MAKIMA_URL": site.url,
    }
    place = site.folder.path / "demo"
    site.runs_as.account.own(place)
    command = (str(site.runs_as.python.path), "-m", "makima_cli.demo", str(place))
    log = site.folder.log("demo")
    return Program(FLEET, command, site.folder.path, log, env=env, account=site.runs_as.account)


def _in_files(site: LocalSystem, program: str, **secrets: str) -> dict[str, str]:
    """Writes each value to a file that only the program's user may read; returns the variables that name the
    files.
    """
    folder, reader = site.folder.secrets / program, site.runs_as.account
    reader.own(folder)
    for variable, value in secrets.items():
        private_files.replace(folder / variable, value, (reader.uid, reader.gid))
    return {f"{variable}_FILE": str(folder / variable) for variable in secrets}


def _service(
    service: InstalledService, site: LocalSystem, health_port: int, pace: Mapping[str, str]
) -> Program:
    name = service.name
    addresses = {
        "MAKIMA_DATABASE_URL": site.servers.database_url_of(role_of(name)),
        "MAKIMA_NATS_URL": site.servers.nats_url_of(name),
    }
    env: dict[str, str | None] = {
        **WITHOUT_SECRETS,
        **site.runs_as.env(site.folder.path),
        **pace,
        **_in_files(site, name, **addresses),
        "MAKIMA_HEALTH_PORT": str(health_port),
        "MAKIMA_DATA_DIR": str(site.folder.path),
    }
    if name == GATEWAY:
        env["MAKIMA_PORT"] = str(site.port)
        if "nats" in site.servers.embedded:
            env["MAKIMA_NATS_ISSUER_SEED_FILE"] = str(NatsUsers(site.folder.nats).issuer_seed)
        env["MAKIMA_ADMIN_TOKEN_SHA256"] = hash_of(site.token).hex()
    if settings := settings_file():
        env["MAKIMA_CONFIG"] = str(site.runs_as.readable(settings, site.folder.secrets / name))
    command = (str(site.runs_as.python.path), "-m", service.package)
    log = site.folder.log(name)
    return Program(name, command, site.folder.path, log, health_port, env, site.runs_as.account)


def _pace() -> Mapping[str, str]:
    """The demo's timeouts, except those that the user has set in the environment or the settings file."""
    in_file = setting("contracts")
    own = {
        f"MAKIMA_CONTRACTS__{name.upper()}"
        for name in (cast("dict[str, object]", in_file) if isinstance(in_file, dict) else {})
    }
    return {
        name: value for name, value in demo.SETTINGS.items() if name not in os.environ and name not in own
    }


def _another_port(taken: set[int]) -> int:
    while (port := ports.free()) in taken:
        continue
    taken.add(port)
    return port
