"""A builder, a child of its daemon: claims tasks, does them, and hands in what the phase asks for."""

import asyncio
import random
import sys
from pathlib import Path
from typing import Final
from uuid import uuid4

from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract, Task
from makima_sdk.problems import ProblemError

from makima_cli.demo import PATIENCE_SECONDS
from makima_cli.demo.process import live

ROLE: Final = "builder"
LOOK_SECONDS: Final = 0.7
OVER: Final = frozenset({ContractStatus.COMPLETED, ContractStatus.FAILED, ContractStatus.ARCHIVED})
AT_WORK: Final = frozenset({ContractStatus.ACTIVE, ContractStatus.WAITING_FOR_INPUT})


async def build(contract_id: str, worktree: Path) -> None:
    """Until the contract is over. A new process is a new connection id."""
    connection, connection_id = Connection.default(), str(uuid4())
    async with Http(connection.url, connection.token, patience=PATIENCE_SECONDS) as http:
        contracts = Contracts(http)
        while (contract := await contracts.get(contract_id)).status not in OVER:
            try:
                worked = contract.status in AT_WORK and await _work(contracts, contract, connection_id, worktree)
            except ProblemError:
                worked = False  # overtaken by the user or the detector: look again
            if not worked:
                await asyncio.sleep(LOOK_SECONDS)


async def _work(contracts: Contracts, contract: Contract, connection_id: str, worktree: Path) -> bool:
    """One task done, or the phase's deliverables handed in; whether there was anything to do."""
    here = [task for task in await contracts.tasks(contract.id) if task.phase == contract.phase]
    for task in here:
        if task.status is TaskStatus.PENDING:
            await _do(contracts, task, connection_id, worktree)
            return True
    if not here or any(task.status is not TaskStatus.COMPLETED for task in here):
        return False
    missing = contract.missing_deliverables()
    for deliverable_id in missing:
        await contracts.complete_deliverable(contract.id, deliverable_id, evidence=f"{worktree.name}/{deliverable_id}.md")
    return bool(missing)


async def _do(contracts: Contracts, task: Task, connection_id: str, worktree: Path) -> None:
    task = await contracts.claim_task(task, ROLE, connection_id)
    task = await contracts.start_task(task, connection_id)
    await asyncio.sleep(random.uniform(0.8, 2.0))  # noqa: S311 - the work itself
    await asyncio.to_thread(_note, worktree, task)
    await contracts.complete_task(task, result="done", connection_id=connection_id)


def _note(worktree: Path, task: Task) -> None:
    """What the work leaves behind; a clean-up may have been faster."""
    if worktree.is_dir():
        (worktree / f"{task.id}.md").write_text(f"{task.name}: done\n")


if __name__ == "__main__":
    live(build(sys.argv[1], Path(sys.argv[2])))
