"""A supervisor: goes on from what it saved, creates a task for each step of its plan, and says when all are done.

A daemon that starts it says all the rest in its environment. By hand:
MAKIMA_CONTRACT=… MAKIMA_DAEMON=… python examples/supervisor.py "write the code" "test the code"
"""

import asyncio
import os
import sys

from makima_schemas.contract.model import TaskStatus
from makima_sdk import Contract, ContractChanges, Supervisor

DONE = (TaskStatus.COMPLETED, TaskStatus.FAILED)


async def main(steps: list[str]) -> None:
    contract_id = os.environ["MAKIMA_CONTRACT"]
    supervisor = await Supervisor.restore(contract_id)
    restored = supervisor.restored
    spawned = () if restored is None else restored.spawned_task_ids
    async with supervisor:
        supervisor.report("working", activity="plans")
        for step in steps[len(spawned) :]:
            await supervisor.contracts.create_task(
                contract_id, step, role="builder", key=f"{contract_id}-{step}"
            )
        supervisor.report("waiting_for_tasks", activity="waits for its tasks")
        await wait_for_tasks(supervisor, steps)
        await supervisor.save.conversation([{"role": "assistant", "content": "All steps are done."}])
        supervisor.report("completed", activity="is done", progress=100)


async def wait_for_tasks(supervisor: Supervisor, steps: list[str]) -> Contract:
    """Until each step has a task that is done. Nothing is asked again and again: the server holds the request."""
    changes = ContractChanges(supervisor.requests, supervisor.contract_id)
    while True:
        contract = await changes.next()
        tasks = await supervisor.contracts.tasks(supervisor.contract_id)
        done = [task.name for task in tasks if task.name in steps and task.status in DONE]
        waits_for = tuple(task.id for task in tasks if task.name in steps and task.status not in DONE)
        supervisor.report(progress=100 * len(done) // len(steps), pending_task_ids=waits_for)
        if len(done) == len(steps):
            return contract


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
