"""The demo fleet's parts: stories that anybody can read, and children that never outlive their parents."""

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from makima_cli.demo.process import Child
from makima_cli.demo.stories import STORIES, Action, Move, next_move, told
from makima_kernel.testing import eventually
from makima_schemas.contract.model import ContractStatus
from makima_sdk.models import Contract

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)

# A child that has nothing to do, and a parent that has one and says its pid.
IDLE = "import asyncio; from makima_cli.demo.process import live; live(asyncio.sleep(60))"
PARENT = f"""
import asyncio, sys
async def main():
    child = await asyncio.create_subprocess_exec(sys.executable, "-c", {IDLE!r}, stdin=asyncio.subprocess.PIPE)
    print(child.pid, flush=True)
    await child.wait()
asyncio.run(main())
"""


def contract(status: ContractStatus, about: str, seconds: float) -> Contract:
    """One that has been in `status` for so long."""
    since = NOW - timedelta(seconds=seconds)
    return Contract("c1", "a name", "simple", status, "plan", 1, since, since, description=f"Demo: {about}")


@pytest.mark.parametrize(
    ("status", "about", "seconds", "made", "move"),
    [
        (ContractStatus.CREATED, "straight through", 1, (), None),
        (ContractStatus.CREATED, "straight through", 9, (), "start"),
        (ContractStatus.ACTIVE, "straight through", 99, (), None),
        (ContractStatus.ACTIVE, "set aside over lunch", 9, (), "pause"),
        (ContractStatus.ACTIVE, "set aside over lunch", 9, ("pause",), None),
        (ContractStatus.PAUSED, "set aside over lunch", 9, ("pause",), "resume"),
        (ContractStatus.ACTIVE, "blocked for a while", 9, (), "block"),
        (ContractStatus.BLOCKED, "blocked for a while", 9, ("block",), "unblock"),
        (ContractStatus.ACTIVE, "given up", 9, (), "fail"),
        (ContractStatus.FAILED, "given up", 9, ("fail",), None),
        (ContractStatus.FAILED, "given up", 99, ("fail",), "archive"),
        (ContractStatus.FAILED, "given up, then taken up again", 9, ("fail",), "reopen"),
        (ContractStatus.FAILED, "given up, then taken up again", 99, ("fail", "reopen"), "archive"),
        (ContractStatus.COMPLETED, "straight through", 99, (), "archive"),
        (ContractStatus.COMPLETING, "straight through", 99, (), None),
        (ContractStatus.ARCHIVED, "straight through", 99, (), None),
    ],
)
def test_a_story_says_what_its_user_does_next(
    status: ContractStatus, about: str, seconds: float, made: tuple[Action, ...], move: Action | None
) -> None:
    found = next_move(contract(status, about, seconds), NOW, frozenset(made))
    assert (found and found.action) == move


def test_who_is_waited_for_is_answered() -> None:
    waiting = contract(ContractStatus.WAITING_FOR_INPUT, "asks a question", 9)
    assert next_move(replace(waiting, waiting_for="question"), NOW, frozenset()) == Move("answer")
    assert next_move(replace(waiting, waiting_for="phase_confirmation"), NOW, frozenset()) == Move("confirm")


def test_every_story_and_every_type_is_told_in_turn() -> None:
    names = [told(number)[1] for number in range(2 * len(STORIES))]
    assert len(set(names)) == len(names)
    assert {told(number)[0].contract_type for number in range(len(STORIES))} == {"simple", "specification", "execute"}


@pytest.fixture
async def child() -> AsyncIterator[Child]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", IDLE, stdin=PIPE)
    made = Child("idle", process)
    yield made
    await made.stop()


async def test_an_accident_kills_it_in_the_middle(child: Child) -> None:
    child.have_an_accident()
    async with asyncio.timeout(20):
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
    await eventually(gone(child), 20, because="the child notices")


def gone(pid: int) -> Callable[[], bool]:
    def look() -> bool:
        with suppress(ProcessLookupError):
            os.kill(pid, 0)
            return False
        return True

    return look
