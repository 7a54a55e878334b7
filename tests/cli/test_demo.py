"""The demo fleet's processes: children that end as they are told, and never outlive their parents."""

import asyncio
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from makima_cli.demo.process import Child
from makima_kernel.testing import eventually
from makima_local.server import lives

# A child that has nothing to do, and a parent that has one and says its pid.
IDLE = "import asyncio; from makima_cli.demo.process import run_until_stopped; run_until_stopped(asyncio.sleep(60))"
PARENT = f"""
import asyncio, sys
async def main():
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", {IDLE!r}, stdin=asyncio.subprocess.PIPE)
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


@pytest.fixture
async def child() -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", IDLE, stdin=PIPE)
    made = Child("idle", process)
    yield made
    await made.stop()


async def test_an_accident_kills_it_in_the_middle(child: Child) -> None:
    child.crash()
    async with asyncio.timeout(60):
        assert await child.ended() == -signal.SIGKILL


async def test_a_frozen_child_can_be_stopped(child: Child) -> None:
    child.freeze()
    assert not child.settled
    await child.stop()
    assert await child.ended() in (0, -signal.SIGTERM)


async def test_a_child_goes_when_its_parent_is_killed() -> None:
    """By the end of the pipe alone: where the kernel would do it for us, it is not asked to here."""
    parent = await asyncio.create_subprocess_exec(sys.executable, "-c", PARENT, stdout=PIPE)
    assert parent.stdout is not None
    child = int(await parent.stdout.readline())
    parent.kill()
    await parent.wait()
    await eventually(lambda: not lives(child), because="the child notices")


@pytest.mark.parametrize(("within", "code"), [((), 0), (("0.1",), 1)])
async def test_a_jobs_exit_code_says_whether_it_was_done(
    tmp_path: Path, within: tuple[str, ...], code: int
) -> None:
    job = await Child.start("a job", "makima_cli.demo.agent_work", str(tmp_path), "t1", "do it", *within)
    async with asyncio.timeout(60):
        assert await job.ended() == code
    assert (tmp_path / "t1.md").exists() == (code == 0)


async def test_a_job_that_was_stopped_is_not_done(tmp_path: Path) -> None:
    job = await Child.start("a job", "makima_cli.demo.agent_work", str(tmp_path), "t1", "do it")
    await job.stop()
    assert await job.ended() != 0
