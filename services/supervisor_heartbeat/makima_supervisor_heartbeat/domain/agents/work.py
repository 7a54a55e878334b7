"""Which tasks the roles of contracts hold, and which agents do not follow them yet. Folded from the log."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from makima_schemas.agent import AgentStatus, AgentStep
from makima_schemas.contract.events import TaskClaimed, TaskCompleted, TaskFailed, TaskReleased

from makima_supervisor_heartbeat.domain.agents.agent import Agent

TaskEvent = TaskClaimed | TaskCompleted | TaskFailed | TaskReleased
ContractKey = tuple[str, str]  # tenant, contract id
AgentKey = tuple[str, str, str]  # tenant, contract id, role


@dataclass(slots=True)
class Work:
    """The held tasks of the contracts that a batch of events is about, and the agents that it touches."""

    held: dict[ContractKey, dict[str, str]] = field(default_factory=dict[ContractKey, dict[str, str]])
    # By agent: the position of the last event that touched it, and whether its tasks changed since its own last one.
    touched: dict[AgentKey, tuple[int, bool]] = field(default_factory=dict[AgentKey, tuple[int, bool]])

    def on_task(self, contract: ContractKey, event: TaskEvent, position: int) -> None:
        tasks = self.held.setdefault(contract, {})
        before = tasks.pop(event.task_id, None)
        if isinstance(event, TaskClaimed):
            tasks[event.task_id] = event.role
        for role in (before, tasks.get(event.task_id)):
            if role is not None:
                self.touched[(*contract, role)] = (position, True)

    def on_agent(self, tenant: str, event: AgentStep, position: int) -> None:
        self.touched[(tenant, event.contract_id, event.role)] = (position, False)

    def on_deleted(self, contract: ContractKey, position: int) -> None:
        """The contract was deleted, and its tasks with it."""
        for role in self.held.pop(contract, {}).values():
            self.touched[(*contract, role)] = (position, True)

    def holds(self, key: AgentKey) -> bool:
        tenant, contract_id, role = key
        return role in self.held.get((tenant, contract_id), {}).values()

    def owes(self, key: AgentKey, agent: Agent) -> bool:
        """True if the agent's status has to follow its tasks.

        What the agent said of itself holds until its tasks change.
        """
        _, worked = self.touched[key]
        if agent.trigger == "reported" and not worked:
            return False
        wrong = AgentStatus.READY if self.holds(key) else AgentStatus.WORKING
        return agent.status is wrong

    def rows(self) -> set[tuple[str, str, str, str]]:
        """Every held task: tenant, contract, task, role."""
        return {
            (*contract, task_id, role)
            for contract, tasks in self.held.items()
            for task_id, role in tasks.items()
        }


def work_of(rows: Iterable[tuple[str, str, str, str]]) -> Work:
    """The inverse of `Work.rows`."""
    work = Work()
    for tenant, contract_id, task_id, role in rows:
        work.held.setdefault((tenant, contract_id), {})[task_id] = role
    return work
