"""The supervisor: creates the tasks of each phase, completes its deliverables when they are done, asks, and says what
it waits for. A new process goes on from what the one before has saved.
"""

import asyncio
import os
import sys
import time
from typing import Final

from makima_schemas.contract.model import ContractStatus as S
from makima_schemas.contract.model import TaskStatus
from makima_schemas.supervisor import SupervisorState
from makima_sdk import AgentLostError, Contract, ContractChanges, ProblemError, Supervisor, Task
from makima_sdk.models import ENDED

from makima_cli.demo import TIMEOUT_SECONDS, lifeline
from makima_cli.demo.plan import GiveUp, Try, are_done, next_steps
from makima_cli.demo.scenarios import STEPS, scenario_of

HANGS_SECONDS: Final = TIMEOUT_SECONDS + 10
RESTS: Final = {
    S.WAITING_FOR_INPUT: SupervisorState.WAITING_FOR_USER,
    S.COMPLETED: SupervisorState.COMPLETED,
    S.ARCHIVED: SupervisorState.COMPLETED,
    S.FAILED: SupervisorState.FAILED,
    S.COMPLETING: SupervisorState.IDLE,
}
WAITS: Final = {"question": "waits for an answer", "phase_confirmation": "waits for a confirmation"}


async def live() -> int:
    contract_id = os.environ["MAKIMA_CONTRACT"]
    supervisor = await Supervisor.restore(contract_id)
    try:
        async with supervisor:
            changes = ContractChanges(supervisor.requests, contract_id)
            while (contract := await changes.next()).status not in ENDED:
                await act(supervisor, contract)
            await act(supervisor, contract)
    except AgentLostError as lost:
        print(lost, file=sys.stderr)
        return 1
    return 0


async def act(supervisor: Supervisor, contract: Contract) -> None:
    """Do what is this one's turn. A refusal means that the contract has changed; the next look sees that."""
    if contract.status is not S.ACTIVE:
        state = RESTS.get(contract.status, SupervisorState.BLOCKED)
        supervisor.report(
            state, phase=contract.phase, activity=WAITS.get(contract.waiting_for or "", contract.status)
        )
        return
    try:
        await drive(supervisor, contract)
    except ProblemError as refused:
        print(refused, file=sys.stderr)


async def drive(supervisor: Supervisor, contract: Contract) -> None:
    scenario = scenario_of(contract.name)
    if scenario.hangs:
        await hang_once(supervisor)
    steps = scenario.steps.get(contract.phase, STEPS)
    known = await supervisor.contracts.tasks(contract.id)
    tasks = [task for task in known if task.phase == contract.phase and not task.is_supervisor]
    following = next_steps(contract.phase, steps, tasks)
    if isinstance(following, GiveUp):
        supervisor.report("blocked", phase=contract.phase, activity=following.reason)
        return
    for each in following:
        await create(supervisor, contract, each)
    if scenario.question and contract.phase == contract.phase_names[0]:
        await ask(supervisor, contract.id, scenario.question, scenario.options)
    if are_done(steps, tasks):
        await complete(supervisor, contract)
    else:
        report_progress(supervisor, contract, tasks)


async def create(supervisor: Supervisor, contract: Contract, wanted: Try) -> None:
    await supervisor.contracts.create_task(
        contract.id, wanted.step.name, role=wanted.step.role, key=f"{contract.id}/{wanted.key}"
    )


async def ask(supervisor: Supervisor, contract_id: str, question: str, options: tuple[str, ...]) -> None:
    """Once: who comes back asks the same question, by its key."""
    kind = "choice" if options else "text"
    await supervisor.contracts.ask(
        contract_id, question, question_type=kind, options=options, key=f"{contract_id}/question"
    )


async def complete(supervisor: Supervisor, contract: Contract) -> None:
    supervisor.report("working", phase=contract.phase, activity=f"reviews {contract.phase}")
    for deliverable_id in contract.missing_deliverables():
        await supervisor.contracts.complete_deliverable(contract.id, deliverable_id)
    supervisor.report("idle", activity=f"{contract.phase} is done")


def report_progress(supervisor: Supervisor, contract: Contract, tasks: list[Task]) -> None:
    done = sum(task.status is TaskStatus.COMPLETED for task in tasks)
    share = (contract.phase_names.index(contract.phase) + done / max(len(tasks), 1)) / len(
        contract.phase_names
    )
    open_ones = tuple(
        task.id for task in tasks if task.status not in (TaskStatus.COMPLETED, TaskStatus.FAILED)
    )
    supervisor.report(
        "waiting_for_tasks",
        phase=contract.phase,
        activity=f"waits for the tasks of {contract.phase}",
        progress=int(100 * share),
        pending_task_ids=open_ones,
    )


async def hang_once(supervisor: Supervisor) -> None:
    """Block the event loop, unless an earlier process did: no heartbeats, so that makima calls it interrupted. When it
    comes back it may not act any more, and ends; its daemon starts another, which goes on from here.
    """
    restored = supervisor.restored
    if restored is not None and restored.conversation_history:
        return
    supervisor.report("working", activity="thinks about all notes at once")
    await supervisor.save.conversation([{"role": "assistant", "content": "All notes at once took too long."}])
    await asyncio.sleep(2)
    time.sleep(HANGS_SECONDS)  # noqa: ASYNC251 - the fault to be shown


if __name__ == "__main__":
    lifeline.tie()
    sys.exit(asyncio.run(live()))
