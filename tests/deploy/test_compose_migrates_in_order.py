"""docker-compose.yml: what only the old version needed is taken away when none of its containers is left."""

import re

from makima_kernel.installed_services import installed_services

from tests.deploy.compose_file import COMPOSE, ROOT, SERVICES, TOP


def awaited(service: str) -> dict[str, str]:
    """What it starts after: by service, the condition."""
    waits = SERVICES[service] if "depends_on:" in SERVICES[service] else TOP["x-service"]
    return dict(
        re.findall(r"^ +(\w[\w-]*): {condition: (\w+)}", waits.partition("depends_on:")[2], re.MULTILINE)
    )


def test_pre_runs_before_any_new_service_and_post_after_all_of_them() -> None:
    services = {service.name for service in installed_services()}
    assert services <= SERVICES.keys()
    assert "--stage pre &&" in SERVICES["provision"]
    for service in services:
        assert awaited(service) == {"provision": "service_completed_successfully"}
    assert "--stage post &&" in SERVICES["migrated"]
    assert awaited("migrated") == dict.fromkeys(services, "service_healthy")


def test_nothing_else_migrates() -> None:
    assert len(re.findall(r"event_log\.migrate\b", COMPOSE)) == 2
    assert "event_log.migrate" not in (ROOT / "deploy/docker/Dockerfile").read_text()
