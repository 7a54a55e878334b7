"""The agents of one contract on one daemon: a supervisor and a builder with a worktree, restarted after a
crash.
"""

import asyncio
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from makima_schemas.contract.model import TaskStatus
from makima_sdk.contracts import Contracts
from makima_sdk.problems import ProblemError, UnreachableError

from makima_cli.demo.process import Child, say

RESTART_SECONDS: Final = 1.0
REMOVAL_SECONDS: Final = 0.7  # about the duration of `git worktree remove`


class AgentGroup:
    """Runs the two agents of a contract. `run` returns when the supervisor exits with code 0, that is, when
    it has seen that the contract is over. `changed` is called whenever an agent starts or ends, or the
    worktree is removed.
    """

    def __init__(
        self,
        contract_id: str,
        daemon_id: str,
        contracts: Contracts,
        worktrees: Path,
        changed: Callable[[], None],
    ) -> None:
        self.contract_id = contract_id
        self.worktree = worktrees / contract_id
        self._shared = worktrees.parent  # folder of the whole fleet, with the lock of the staging environment
        self.agents: dict[str, Child] = {}  # running processes by role
        self._daemon_id = daemon_id
        self._contracts = contracts
        self._changed = changed

    async def run(self) -> None:
        self.worktree.mkdir(parents=True, exist_ok=True)
        try:
            async with asyncio.TaskGroup() as both:
                supervisor = both.create_task(
                    self._keep("supervisor", self.contract_id, self._daemon_id, str(self._shared))
                )
                builder = both.create_task(self._keep("builder", self.contract_id, str(self.worktree)))
                # The supervisor decides when the work is over; the builder does not run without it.
                supervisor.add_done_callback(lambda _: builder.cancel())
        finally:
            await asyncio.gather(*(child.stop() for child in self.agents.values()))
            shutil.rmtree(self.worktree, ignore_errors=True)
            self._changed()

    async def remove_worktree(self) -> None:
        await asyncio.sleep(REMOVAL_SECONDS)
        shutil.rmtree(self.worktree, ignore_errors=True)
        self._changed()

    async def _keep(self, role: str, *arguments: str) -> None:
        """Run an agent until it exits with code 0. Any other exit is a crash: it is restarted as a new
        incarnation.
        """
        while True:
            child = self.agents[role] = await Child.start(
                f"{self.contract_id}:{role}", f"makima_cli.demo.{role}", *arguments
            )
            self._changed()
            code = await child.ended()
            del self.agents[role]
            self._changed()
            if code == 0:
                return
            say(f"{child.name} crashed ({code}); {self._daemon_id} starts it again")
            if role == "builder":
                await self._release_tasks()
            await asyncio.sleep(RESTART_SECONDS)

    async def _release_tasks(self) -> None:
        """Release the tasks of the crashed builder. The daemon sends the release, so it has no connection id."""
        try:
            for task in await self._contracts.tasks(self.contract_id):
                if task.status in (TaskStatus.CLAIMED, TaskStatus.RUNNING):
                    await self._contracts.release_task(task)
        except (ProblemError, UnreachableError):
            return  # the contract is over, or makima is unreachable
