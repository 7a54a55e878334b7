"""A supervisor agent, a child process of its daemon: creates the tasks of each phase, asks the user
questions, and reports its state in heartbeats.

It creates tasks and questions with its daemon's token. With the token of the user who owns the contract, it
blocks the contract while the staging environment is in use, and fails it when a task has failed too often.
"""

import asyncio
import os
import sys
from pathlib import Path
from typing import Final

from makima_schemas.addresses import from_environment
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.supervisor import SupervisorState
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract, Task
from makima_sdk.nats import connect
from makima_sdk.problems import ProblemError
from makima_sdk.supervisor_heartbeats import SupervisorHeartbeats

from makima_cli.demo import AGENT_RECONNECT_TIMEOUT_SECONDS, HEARTBEAT_SECONDS
from makima_cli.demo.fleet_credentials import USERS_TOKEN
from makima_cli.demo.plan import GiveUp, failed, next_steps
from makima_cli.demo.process import run_until_stopped
from makima_cli.demo.scenarios import needs
from makima_cli.demo.staging import HELD_UP, Staging

SUPERVISOR_POLL_SECONDS: Final = 0.7
BUILDER: Final = "builder"  # role of the tasks it creates; the supervisor's own task is in the list, too
NEEDS_STAGING: Final = "execute"  # the phase that needs the staging environment
OVER: Final = {
    ContractStatus.COMPLETED: SupervisorState.COMPLETED,
    ContractStatus.ARCHIVED: SupervisorState.COMPLETED,
    ContractStatus.FAILED: SupervisorState.FAILED,
}


class DemoSupervisor:
    """Decides what to do about a contract: call `look` again and again with its current state.

    `contracts` uses the daemon's token, `owner` the token of the contract's owner.
    """

    def __init__(
        self,
        contracts: Contracts,
        owner: Contracts,
        voice: SupervisorHeartbeats,
        staging: Staging,
        forgiven: frozenset[str],
    ) -> None:
        self._contracts = contracts
        self._owner = owner
        self._voice = voice
        self._staging = staging
        self._forgiven = forgiven  # ids of tasks that failed before the contract was reopened
        self._question_sent = False  # whether this process has asked its question

    async def act(self, contract: Contract) -> None:
        """Report the supervisor's state, and take the next step of the work, if it is the supervisor's turn."""
        try:
            await self._step(contract)
        except ProblemError:
            return  # the contract has changed, or this supervisor is not registered yet

    async def _step(self, contract: Contract) -> None:
        phase = contract.phase
        match contract.status:
            case ContractStatus.ACTIVE:
                await self._drive(contract)
            case ContractStatus.WAITING_FOR_INPUT:
                self._voice.report(
                    SupervisorState.WAITING_FOR_USER,
                    phase=phase,
                    activity=f"waiting: {contract.waiting_for}",
                    pending_task_ids=(),
                )
            case ContractStatus.BLOCKED:
                self._voice.report(
                    SupervisorState.BLOCKED, phase=phase, activity=f"held up: {contract.blocked_reason}"
                )
                if (contract.blocked_reason or "").startswith(HELD_UP) and self._staging.take():
                    await self._owner.act(contract.id, "unblock")
            case ContractStatus.PAUSED:
                self._staging.leave()
                self._voice.report(SupervisorState.BLOCKED, phase=phase, activity="paused")
            case status:
                self._staging.leave()
                self._voice.report(
                    OVER.get(status, SupervisorState.IDLE), phase=phase, activity=f"contract is {status}"
                )

    async def _drive(self, contract: Contract) -> None:
        wanted = needs(contract.description)
        if wanted.staging and contract.phase == NEEDS_STAGING and not self._staging.take():
            await self._owner.act(contract.id, "block", reason=self._staging.held_up())
            return
        tasks = [
            task
            for task in await self._contracts.tasks(contract.id)
            if task.phase == contract.phase and task.role == BUILDER
        ]
        steps = next_steps(contract.phase, tasks, self._forgiven)
        if isinstance(steps, GiveUp):
            await self._owner.act(contract.id, "fail", reason=steps.reason)
            # The contract may be reopened before the next look.
            self._forgiven |= {task.id for task in failed(tasks)}
            return
        for step in steps:
            await self._contracts.create_task(
                contract.id, step.name, role=BUILDER, key=f"{contract.id}/{step.key}"
            )
        if wanted.question:
            await self._ask(contract)
        self._report_tasks(contract, tasks)

    def _report_tasks(self, contract: Contract, tasks: list[Task]) -> None:
        open_ones = tuple(
            task.id for task in tasks if task.status not in (TaskStatus.COMPLETED, TaskStatus.FAILED)
        )
        self._voice.report(
            SupervisorState.WAITING_FOR_TASKS if open_ones else SupervisorState.WORKING,
            phase=contract.phase,
            activity=f"{len(open_ones)} tasks of {contract.phase} under way"
            if open_ones
            else f"reviewing {contract.phase}",
            progress=_progress(contract, tasks),
            pending_task_ids=open_ones,
        )

    async def _ask(self, contract: Contract) -> None:
        if not self._question_sent:
            key = f"{contract.id}/colour"
            await self._contracts.ask(
                contract.id, "Which colour?", question_type="choice", options=("blue", "green"), key=key
            )
            self._question_sent = True


async def supervise(contract_id: str, daemon_id: str, shared: Path) -> None:
    """Run the supervisor until the contract is over. `shared` is a folder that the agents of all daemons use."""
    connection = Connection.default()
    async with (
        Http(connection.url, connection.token, retry_for=AGENT_RECONNECT_TIMEOUT_SECONDS) as http,
        Http(
            connection.url,
            from_environment(os.environ, USERS_TOKEN),
            retry_for=AGENT_RECONNECT_TIMEOUT_SECONDS,
        ) as owners,
    ):
        contracts, owner = Contracts(http), Contracts(owners)
        contract = await owner.get(contract_id)
        nats = await connect(
            connection.nats_url, f"supervisor of {contract_id}", timeout=AGENT_RECONNECT_TIMEOUT_SECONDS
        )
        task_id = f"sup-{contract_id}"[:64]
        voice = SupervisorHeartbeats(
            nats,
            daemon_id=daemon_id,
            contract_id=contract_id,
            task_id=task_id,
            phase=contract.phase,
            interval=HEARTBEAT_SECONDS,
        )
        forgiven = frozenset(task.id for task in failed(await owner.tasks(contract_id)))
        supervisor = DemoSupervisor(contracts, owner, voice, Staging(shared, contract.name), forgiven)
        beating = asyncio.create_task(voice.run(), name="heart")
        try:
            while contract.status not in OVER:
                await supervisor.act(contract)
                await asyncio.sleep(SUPERVISOR_POLL_SECONDS)
                contract = await owner.get(contract_id)
            await supervisor.act(contract)
            await voice.beat()
        finally:
            beating.cancel()
            await nats.close()


def _progress(contract: Contract, tasks: list[Task]) -> int:
    """Percent of the work that is done: completed phases, and completed tasks of the current phase."""
    here = contract.phase_names.index(contract.phase)
    share = sum(task.status is TaskStatus.COMPLETED for task in tasks) / max(len(tasks), 1)
    return int(100 * (here + share) / len(contract.phase_names))


if __name__ == "__main__":
    run_until_stopped(supervise(sys.argv[1], sys.argv[2], Path(sys.argv[3])))
