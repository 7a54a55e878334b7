"""Who speaks for a role: the fence of task calls (agents.md, Tasks and agents). Pure."""

from dataclasses import dataclass, field, replace

from makima_schemas.agent import (
    BEATING,
    AgentEvent,
    AgentJoined,
    AgentLeft,
    AgentProgressed,
    AgentStatus,
    AgentStatusChanged,
    AgentStuck,
)
from makima_schemas.contract.commands import (
    ClaimTask,
    CompleteTask,
    ContractCommand,
    HandOffTask,
    ReleaseTask,
    StartTask,
)
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.state import Contract

TaskCommand = ClaimTask | StartTask | ReleaseTask | CompleteTask | HandOffTask


@dataclass(frozen=True, slots=True)
class AgentRecord:
    """A role's agent, as its stream says."""

    status: AgentStatus | None = (
        None  # None: there is no agent record; the task's own connection is the fence
    )
    connection_id: str | None = None  # the connection in force; None: none has joined yet

    @property
    def exists(self) -> bool:
        return self.status is not None


@dataclass(frozen=True)
class AgentFold:
    """Folds the events of an agent's stream. Who writes them is supervisor_heartbeat."""

    initial: AgentRecord = field(default_factory=AgentRecord)

    def evolve(self, state: AgentRecord, event: AgentEvent) -> AgentRecord:
        """The record after `event`. Who left keeps its connection: another one must join to fence it off."""
        match event:
            case AgentJoined():
                return AgentRecord(event.new_status, event.connection_id)
            case AgentLeft():
                return replace(state, status=AgentStatus.OFFLINE)
            case AgentStatusChanged():
                return replace(state, status=event.new_status)
            case AgentStuck() | AgentProgressed():
                return state


@dataclass(frozen=True, slots=True)
class TaskCall:
    """A task call of a role that is known, with the record of the role's agent."""

    command: TaskCommand
    role: str
    agent: AgentRecord
    agent_version: int  # of the agent's stream; the append is guarded by it


Command = ContractCommand | TaskCall  # what the decider is given


def role_of(contract: Contract, command: TaskCommand) -> str | None:
    """The role in which the command is said: whoever claims names it, else it is the one that holds the task, or
    that the task is for. None: the task is for any role and nobody holds it.
    """
    if isinstance(command, ClaimTask):
        return command.role
    task = contract.tasks.get(command.task_id)
    return None if task is None else task.held_by or task.role


def check_in_force(call: TaskCall) -> None:
    """Raises `Refused`: `SUPERSEDED` if another connection of the role is in force, `REJOIN_REQUIRED` if it is this
    one, but its agent counts as dead, offline or restarting.

    A call without a connection id comes from a daemon or a person and is not fenced.
    """
    agent, connection_id = call.agent, call.command.connection_id
    if connection_id is None or not agent.exists:
        return
    if agent.connection_id not in (None, connection_id):
        raise Refused(
            ErrorCode.SUPERSEDED,
            f"another connection of {call.role!r} is in force",
            hint="a newer process does the work of this role; this one should end",
        )
    if agent.connection_id is None or agent.status not in BEATING:
        raise Refused(
            ErrorCode.REJOIN_REQUIRED,
            f"the agent of {call.role!r} is {agent.status}",
            hint="join again with the same connection id, then repeat the call",
        )
