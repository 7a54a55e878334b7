"""makima, installed from its wheels far from any checkout, starts, takes a contract through the SDK, and
ends.
"""

import asyncio
import json
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path
from uuid import uuid4

import pytest

from tests.distributions.environment import SUPPORTED, Environment, installed, newer_python
from tests.servers import open_folder

pytestmark = pytest.mark.timeout(600)

READY_WITHIN_SECONDS = 120
STOPS_WITHIN_SECONDS = 60
NO_NEWER = f"no newer Python here: looked for {', '.join(f'{major}.{minor}' for major, minor in SUPPORTED)}"

CLIENT = """
import asyncio
from makima_sdk import Connection, Contracts, Http

async def main():
    connection = Connection.default()
    async with Http(connection.url, connection.token) as http:
        contracts = Contracts(http)
        created = await contracts.create("Installed from wheels")
        await contracts.act(created.id, "start")
        for contract in (await contracts.page()).items:
            print(contract.name, contract.status)

asyncio.run(main())
"""


@pytest.fixture(params=["this Python", "a newer Python"])
def environment(request: pytest.FixtureRequest, built: Path, server_folder: Path) -> Environment:
    python = sys.executable if request.param == "this Python" else newer_python()
    if python is None:
        pytest.skip(NO_NEWER)
    folder = open_folder(server_folder / f"installed-{uuid4().hex[:8]}")
    return installed(folder, python, built.glob("*.whl"))


async def test_it_starts_takes_a_contract_and_ends(environment: Environment) -> None:
    said, listed, code, news = await _up_and_down(environment)
    assert listed == "Installed from wheels active\n", news
    assert code == 0, news
    assert not await asyncio.to_thread(Path(str(said["data_dir"])).exists)


async def _up_and_down(environment: Environment) -> tuple[dict[str, object], str, int, str]:
    """What `makima up` said, what the client saw meanwhile, its exit code after SIGTERM, and its stderr."""
    command = ("makima", "up", "--ephemeral", "--json", "--port", "0", "--nats-port", "0")
    with (environment.folder / "up.log").open("w+") as log:
        up = await asyncio.create_subprocess_exec(
            str(environment.folder / "venv/bin" / command[0]),
            *command[1:],
            cwd=environment.variables["HOME"],
            env=environment.variables,
            stdout=PIPE,
            stderr=log,
        )
        assert up.stdout is not None
        try:
            async with asyncio.timeout(READY_WITHIN_SECONDS):
                line = await up.stdout.readline()
            assert line, (environment.folder / "up.log").read_text()
            listed = await asyncio.to_thread(environment.run, "-c", CLIENT)
        finally:
            up.send_signal(signal.SIGTERM)
            async with asyncio.timeout(STOPS_WITHIN_SECONDS):
                code = await up.wait()
    return json.loads(line), listed, code, (environment.folder / "up.log").read_text()
