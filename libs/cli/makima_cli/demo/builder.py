"""A builder agent, a child process of its daemon: claims tasks, runs each in a process of its own, and
completes the phase's deliverables.
"""

import asyncio
import sys
from pathlib import Path
from typing import Final
from uuid import uuid4

from makima_schemas.contract.model import RUNNING_STATUSES, TaskStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract, Task
from makima_sdk.problems import ProblemError

from makima_cli.demo import AGENT_RECONNECT_TIMEOUT_SECONDS
from makima_cli.demo.process import Child, run_until_stopped
from makima_cli.demo.scenarios import TASKS, needs, task_name

ROLE: Final = "builder"
TASK_POLL_SECONDS: Final = 0.7


async def build(contract_id: str, worktree: Path) -> None:
    """Work until stopped: the supervisor decides when the contract is over. Each process has a new connection
    id.
    """
    connection, connection_id = Connection.default(), str(uuid4())
    async with Http(connection.url, connection.token, retry_for=AGENT_RECONNECT_TIMEOUT_SECONDS) as http:
        contracts = Contracts(http)
        while True:
            try:
                contract = await contracts.get(contract_id)
                worked = contract.status in RUNNING_STATUSES and await _work(
                    contracts, contract, connection_id, worktree
                )
            except ProblemError:
                worked = False  # the contract has changed, or its supervisor is not registered yet: try again
            if not worked:
                await asyncio.sleep(TASK_POLL_SECONDS)


async def _work(contracts: Contracts, contract: Contract, connection_id: str, worktree: Path) -> bool:
    """Do one task, or complete the phase's deliverables. Returns False if there was nothing to do."""
    here = [task for task in await contracts.tasks(contract.id) if task.phase == contract.phase]
    for task in here:
        if task.status is TaskStatus.PENDING and task.role == ROLE:
            await _do(contracts, task, connection_id, worktree, needs(contract.description).within)
            return True
    done = {task.name for task in here if task.status is TaskStatus.COMPLETED}
    if not done.issuperset(task_name(work, contract.phase) for work in TASKS):
        return False
    missing = contract.missing_deliverables()
    for deliverable_id in missing:
        await contracts.complete_deliverable(
            contract.id, deliverable_id, evidence=f"{worktree.name}/{deliverable_id}.md"
        )
    return bool(missing)


async def _do(
    contracts: Contracts, task: Task, connection_id: str, worktree: Path, within: float | None
) -> None:
    """Claim a task, run it in a child process, and complete it; exit code 0 of the process means success."""
    task = await contracts.claim_task(task, ROLE, connection_id)
    task = await contracts.start_task(task, connection_id)
    limit = () if within is None else (f"{within:g}",)
    job = await Child.start(
        task.name, "makima_cli.demo.agent_work", str(worktree), task.id, task.name, *limit
    )
    try:
        code = await job.ended()
    finally:
        await job.stop()
    await contracts.complete_task(
        task, success=code == 0, result=f"exit code {code}", connection_id=connection_id
    )


if __name__ == "__main__":
    run_until_stopped(build(sys.argv[1], Path(sys.argv[2])))
