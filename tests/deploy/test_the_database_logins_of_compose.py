"""docker-compose.yml makes each service an address of its own in Postgres, which it alone reads, and once only."""

import os
import re
import subprocess
from pathlib import Path

import pytest
from makima_kernel.event_log.logins import ADDRESS, logins_in
from makima_kernel.installed_services import installed_services

from tests.deploy.compose_file import SERVICES

USER = 10_001  # of the services' containers
NAMES = [service.name for service in installed_services()]


def make_logins(folder: Path) -> None:
    """What the container `database-password` does, in this folder; its image has the user `postgres`."""
    script = SERVICES["database-password"].partition("- |\n")[2].partition("    volumes:")[0]
    script = script.replace("$$", "$").replace("/made", str(folder)).replace("chown postgres:", "chown 0:0")
    subprocess.run(["sh", "-euc", script], check=True, timeout=60)


@pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can give files to the containers' user, as compose does"
)
def test_every_service_has_a_password_of_its_own_that_stays(tmp_path: Path) -> None:
    make_logins(tmp_path)
    made = logins_in(tmp_path / "services", NAMES)
    assert set(made) == set(NAMES)
    assert len({*made.values(), (tmp_path / "password").read_text()}) == len(NAMES) + 1
    for name in NAMES:
        file = tmp_path / "services" / name / ADDRESS
        assert [(at.stat().st_uid, at.stat().st_mode & 0o777) for at in (file, file.parent)] == [
            (USER, 0o600),
            (USER, 0o700),
        ]
    make_logins(tmp_path)
    assert logins_in(tmp_path / "services", NAMES) == made


@pytest.mark.parametrize("name", NAMES)
def test_a_service_sees_its_own_address_only(name: str) -> None:
    mounted = re.findall(r"\*database(?:, volume: \{subpath: ([\w/]+)\})?", SERVICES[name])
    assert mounted == [f"services/{name}"]
