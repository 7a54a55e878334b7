"""The process of one task, a child of the builder: `python -m makima_cli.demo.agent_work WORKTREE TASK NAME
[SECONDS]`.

Exit code 1: the task was not done within SECONDS.
"""

import asyncio
import random
import sys
from pathlib import Path
from typing import Final

from makima_cli.demo.process import run_until_stopped, say

TASK_DURATION_SECONDS: Final = (0.8, 2.0)


async def work(worktree: Path, task_id: str, name: str, within: float | None) -> int:
    takes = random.uniform(*TASK_DURATION_SECONDS)  # noqa: S311 - a simulated duration
    if within is not None and within < takes:
        await asyncio.sleep(within)
        say(f"{name}: not done within {within:g} s")
        return 1
    await asyncio.sleep(takes)
    _note(worktree, task_id, name)
    return 0


def _note(worktree: Path, task_id: str, name: str) -> None:
    """Write the result of the task, unless a cleanup has removed the worktree before."""
    if worktree.is_dir():
        (worktree / f"{task_id}.md").write_text(f"{name}: done\n")


if __name__ == "__main__":
    limit = float(sys.argv[4]) if len(sys.argv) > 4 else None
    code = run_until_stopped(work(Path(sys.argv[1]), sys.argv[2], sys.argv[3], limit))
    sys.exit(1 if code is None else code)  # None: stopped before it was done
