"""The demo fleet's processes: children that end as they are told, agents that never outlive the fleet, and settings that
a daemon takes.
"""

import asyncio
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from makima_cli.demo import lifeline
from makima_cli.demo.machines import Machine
from makima_cli.demo.process import Child
from makima_cli.demo.scenarios import SCENARIOS
from makima_daemon.config import load
from makima_kernel.testing import eventually
from makima_local.server import lives

MAX_PICTURE_BYTES = 100_000
IDLE = (sys.executable, "-c", "import time; time.sleep(60)")
# One that heeds no SIGTERM, and says when it does not.
DEAF = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(60)"
HOLDER = """
import pathlib, subprocess, sys, time
from makima_cli.demo import lifeline
held = lifeline.hold(pathlib.Path("lifeline"))
code = "from makima_cli.demo import lifeline; lifeline.tie(); print('tied', flush=True); import time; time.sleep(60)"
print(subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid, flush=True)
time.sleep(60)
"""


@pytest.fixture
async def child(tmp_path: Path) -> AsyncIterator[Child]:
    made = await Child.start(IDLE, {}, tmp_path)
    yield made
    await made.stop(0)


async def test_a_child_is_asked_to_end_and_then_made_to(child: Child, tmp_path: Path) -> None:
    await child.stop(60)
    assert await child.ended() == -signal.SIGTERM
    deaf = await Child.start((sys.executable, "-c", DEAF), {}, tmp_path)
    await eventually((tmp_path / "deaf").exists)
    await deaf.stop(0.05)
    assert await deaf.ended() == -signal.SIGKILL


async def test_an_agent_ends_with_a_fleet_that_was_killed(tmp_path: Path) -> None:
    """It is in a session of its own, and no signal reaches it."""
    env = {**os.environ, lifeline.VARIABLE: str(tmp_path / "lifeline")}
    fleet = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, env=env, cwd=tmp_path, stdout=PIPE
    )
    assert fleet.stdout is not None
    said = {(await fleet.stdout.readline()).strip() for _ in range(2)}
    agent = int((said - {b"tied"}).pop())
    assert lives(agent)
    fleet.kill()
    await fleet.wait()
    await eventually(lambda: not lives(agent), because="nobody holds the lock any more")


def test_a_daemon_takes_the_settings_of_a_machine_and_has_a_program_for_every_role(tmp_path: Path) -> None:
    machine = Machine("daemon-ada", tmp_path / "daemon-ada", tmp_path / "life \"line'")
    (tmp_path / "daemon.toml").write_text(machine.settings())
    config = load(tmp_path / "daemon.toml")
    assert (config.daemon_id, config.workspace) == ("daemon-ada", tmp_path / "workspace")
    wanted = {step.role for each in SCENARIOS for steps in each.steps.values() for step in steps}
    assert config.agents.keys() == wanted | {"supervisor", "builder"}
    for agent in config.agents.values():
        assert find_spec(agent.command[2]) is not None
        assert agent.env == {lifeline.VARIABLE: str(machine.lifeline)}


def test_the_pictures_of_the_tour_are_there_in_both_themes_and_small() -> None:
    docs = Path(__file__).parents[2] / "docs"
    named = set(re.findall(r'"(tour/[^"]+)"', (docs / "tour.md").read_text()))
    assert named == {f"tour/{each.name}" for each in (docs / "tour").iterdir()}
    assert len({each.replace("-light", "-dark") for each in named}) == len(named) // 2 > 0
    for each in named:
        assert (docs / each).stat().st_size <= MAX_PICTURE_BYTES, f"{each}: `make tour` takes smaller ones"
