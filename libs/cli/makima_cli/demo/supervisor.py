"""A supervisor, a child of its daemon: plans the work of each phase, asks when it is unsure, and says what it is doing."""

import asyncio
import sys
from typing import Final

from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.supervisor import SupervisorState
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract, Task
from makima_sdk.nats import connect
from makima_sdk.problems import ProblemError
from makima_sdk.supervisor import Supervisor

from makima_cli.demo import HEARTBEAT_SECONDS, PATIENCE_SECONDS
from makima_cli.demo.process import live

LOOK_SECONDS: Final = 0.7
TASKS: Final = ("look around", "do it")
OVER: Final = {
    ContractStatus.COMPLETED: SupervisorState.COMPLETED,
    ContractStatus.ARCHIVED: SupervisorState.COMPLETED,
    ContractStatus.FAILED: SupervisorState.FAILED,
}


class DemoSupervisor:
    def __init__(self, contracts: Contracts, voice: Supervisor) -> None:
        self._contracts = contracts
        self._voice = voice
        self._asked = False

    async def look(self, contract: Contract) -> None:
        """Say how the contract stands, and drive it on where that is ours to do."""
        phase = contract.phase
        match contract.status:
            case ContractStatus.ACTIVE:
                await self._drive(contract)
            case ContractStatus.WAITING_FOR_INPUT:
                self._voice.say(
                    SupervisorState.WAITING_FOR_USER, phase=phase, activity=f"waiting: {contract.waiting_for}", pending_task_ids=()
                )
            case ContractStatus.PAUSED | ContractStatus.BLOCKED:
                self._voice.say(SupervisorState.BLOCKED, phase=phase, activity=f"held up: {contract.blocked_reason or contract.status}")
            case status:
                self._voice.say(OVER.get(status, SupervisorState.IDLE), phase=phase, activity=f"contract is {status}")

    async def _drive(self, contract: Contract) -> None:
        try:
            tasks = [task for task in await self._contracts.tasks(contract.id) if task.phase == contract.phase]
            await self._plan(contract, {task.name for task in tasks})
            await self._ask(contract)
        except ProblemError:
            return  # overtaken by the user or the detector: the next look tells
        open_ones = tuple(task.id for task in tasks if task.status is not TaskStatus.COMPLETED)
        self._voice.say(
            SupervisorState.WAITING_FOR_TASKS if open_ones else SupervisorState.WORKING,
            phase=contract.phase,
            activity=f"{len(open_ones)} tasks of {contract.phase} under way" if open_ones else f"reviewing {contract.phase}",
            progress=_progress(contract, tasks),
            pending_task_ids=open_ones,
        )

    async def _plan(self, contract: Contract, known: set[str]) -> None:
        """A restarted supervisor finds what it has planned before; the key keeps two from planning the same twice."""
        for work in TASKS:
            name = f"{work}: {contract.phase}"
            if name not in known:
                await self._contracts.create_task(contract.id, name, role="builder", key=f"{contract.id}/{name}")

    async def _ask(self, contract: Contract) -> None:
        if self._asked or "asks a question" not in contract.description:
            return
        key = f"{contract.id}/colour"
        await self._contracts.ask(contract.id, "Which colour?", question_type="choice", options=("blue", "green"), key=key)
        self._asked = True


async def supervise(contract_id: str, daemon_id: str) -> None:
    """Until the contract is over."""
    connection = Connection.default()
    async with Http(connection.url, connection.token, patience=PATIENCE_SECONDS) as http:
        contracts = Contracts(http)
        contract = await contracts.get(contract_id)
        nats = await connect(connection.nats_url, f"supervisor of {contract_id}", timeout=PATIENCE_SECONDS)
        task_id = f"sup-{contract_id}"[:64]
        voice = Supervisor(
            nats, daemon_id=daemon_id, contract_id=contract_id, task_id=task_id, phase=contract.phase, interval=HEARTBEAT_SECONDS
        )
        supervisor = DemoSupervisor(contracts, voice)
        beating = asyncio.create_task(voice.run(), name="heart")
        try:
            while contract.status not in OVER:
                await supervisor.look(contract)
                await asyncio.sleep(LOOK_SECONDS)
                contract = await contracts.get(contract_id)
            await supervisor.look(contract)
            await voice.beat()
        finally:
            beating.cancel()
            await nats.close()


def _progress(contract: Contract, tasks: list[Task]) -> int:
    """Whole phases behind us, and the share of this one's tasks."""
    here = contract.phase_names.index(contract.phase)
    share = sum(task.status is TaskStatus.COMPLETED for task in tasks) / max(len(tasks), 1)
    return int(100 * (here + share) / len(contract.phase_names))


if __name__ == "__main__":
    live(supervise(sys.argv[1], sys.argv[2]))
