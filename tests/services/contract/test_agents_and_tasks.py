"""Joins, leaves, deaths, claims and completions in any order, and the returns of tasks as late as they like: never is a
task done twice, or by anybody who is not in force, and none is held for ever.
"""

from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from makima_contract.domain.agents import AgentFold, AgentRecord, TaskCall, TaskCommand
from makima_contract.domain.returns import tasks_to_return
from makima_contract.domain.state import Contract
from makima_contract.domain.statuses import HELD
from makima_kernel.commands.decider import fold
from makima_kernel.testing.scenario import Given
from makima_schemas.agent import BEATING, AgentJoined, AgentLeft, AgentStatus, AgentStatusChanged, AgentStep
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.commands import ReturnTasks
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import TaskStatus
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import DECIDER, STARTED, opened

TASKS = ("t1", "t2")
CONNECTIONS = ("a", "b", "c", "d")
REFUSALS = {ErrorCode.SUPERSEDED, ErrorCode.REJOIN_REQUIRED, ErrorCode.INVALID_TRANSITION}
S = AgentStatus


@dataclass
class Agent:
    """As supervisor_heartbeat would have it: a fenced connection cannot join again."""

    events: list[AgentStep] = field(default_factory=list[AgentStep])
    joined: list[str] = field(default_factory=list[str])


class AgentsAndTasks(RuleBasedStateMachine):
    """One role, its agent's stream, and the contract's; `owed` are returns that were not sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.agent = Agent()
        made = (e.TaskCreated(task_id, task_id, "plan", "builder") for task_id in TASKS)
        self.log: list[ContractEvent] = [opened(), STARTED, *made]
        self.owed: list[ReturnTasks] = []

    @rule(connection=st.sampled_from(CONNECTIONS))
    def join(self, connection: str) -> None:
        if connection in self.agent.joined and connection != self.agent.joined[-1]:
            return  # fenced
        new = connection not in self.agent.joined
        self.agent.joined.append(connection)
        self._happens(AgentJoined("c1", "builder", connection, "d1"), new_connection=new)

    @precondition(lambda self: self.agent.events)
    @rule()
    def leave(self) -> None:
        self._happens(AgentLeft("c1", "builder", None))

    @rule(status=st.sampled_from([S.DEAD, S.RESTARTING, S.DEAD_FAILED_REVIVE, S.WORKING]))
    def change(self, status: AgentStatus) -> None:
        self._happens(AgentStatusChanged("c1", "builder", S.READY, status, "any"))

    @rule(data=st.data())
    def call(self, data: st.DataObject) -> None:
        task_id, by = data.draw(st.sampled_from(TASKS)), data.draw(st.sampled_from(CONNECTIONS))
        command = data.draw(
            st.sampled_from(
                [
                    c.ClaimTask(task_id, "builder", by),
                    c.StartTask(task_id, by),
                    c.ReleaseTask(task_id, by),
                    c.CompleteTask(task_id, True, None, by),
                ]
            )
        )
        asked = Given(DECIDER, self.state).when(self._call(command))
        if asked.refused is not None:
            assert asked.refused.code in REFUSALS
            return
        if asked.events and self.record.exists:
            assert (self.record.connection_id, self.record.status in BEATING) == (by, True)
        self.log += asked.events

    @precondition(lambda self: self.owed)
    @rule(data=st.data())
    def a_return_comes(self, data: st.DataObject) -> None:
        """In any order, and perhaps not for the last time."""
        command = data.draw(st.sampled_from(self.owed))
        if data.draw(st.booleans()):
            self.owed.remove(command)
        self._returns(command)

    @invariant()
    def a_task_is_done_once(self) -> None:
        done = [event.task_id for event in self.log if isinstance(event, e.TaskCompleted)]
        assert len(done) == len(set(done))
        assert all(self.state.tasks[task_id].status is TaskStatus.COMPLETED for task_id in done)

    def teardown(self) -> None:
        """Once every return has come, only what is in force holds tasks; and when it leaves, nobody does."""
        self._all_return()
        for task in self.state.tasks.values():
            if task.status in HELD and self.record.connection_id is not None:
                assert task.connection_id == self.record.connection_id
        if self.agent.events:
            self.leave()
            self._all_return()
            assert not any(task.status in HELD for task in self.state.tasks.values())

    @property
    def state(self) -> Contract:
        return fold(DECIDER, self.log)

    @property
    def record(self) -> AgentRecord:
        return fold(AgentFold(), self.agent.events)

    def _call(self, command: TaskCommand) -> TaskCall:
        return TaskCall(command, "builder", self.record, len(self.agent.events))

    def _happens(self, event: AgentStep, *, new_connection: bool = False) -> None:
        self.agent.events.append(event)
        owed = tasks_to_return(event, len(self.agent.events), new_connection=new_connection)
        if owed is not None:
            self.owed.append(owed)

    def _returns(self, command: ReturnTasks) -> None:
        events = DECIDER.decide(command, self.state)
        self.log += events
        assert DECIDER.decide(command, self.state) == [], "it returns nothing twice"

    def _all_return(self) -> None:
        for command in self.owed:
            self._returns(command)
        self.owed.clear()


TestAgentsAndTasks = AgentsAndTasks.TestCase
TestAgentsAndTasks.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
