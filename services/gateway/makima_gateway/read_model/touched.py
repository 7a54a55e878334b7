"""Which rows a batch of events needs from the database."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from makima_schemas.agent import AgentEvent
from makima_schemas.codec import Event
from makima_schemas.contract.events import (
    ContractArchived,
    ContractAssigned,
    ContractCreated,
    QuestionAnswered,
    TaskClaimed,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskReleased,
    TaskStarted,
)
from makima_schemas.envelope import Recorded
from makima_schemas.supervisor import (
    RestorationProved,
    SupervisorEvent,
    SupervisorRegistered,
    SupervisorStateChanged,
)
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_gateway.read_model.fold import contract_of
from makima_gateway.read_model.fold_agents import ENDS
from makima_gateway.read_model.rows import AgentKey, ContractKey, InnerKey, SenderKey

# The events that may change who drives a contract, or whether somebody has to.
CHANGES_DRIVER: Final = (ContractAssigned, RestorationProved, *ENDS)
OF_SUPERVISOR: Final = (SupervisorEvent, ContractCreated, *CHANGES_DRIVER)
TASK_MOVES: Final = (TaskClaimed, TaskStarted, TaskReleased, TaskCompleted, TaskFailed)


@dataclass(slots=True)
class Touched:
    """The keys of the rows that a batch needs from the database.

    Rows that the batch creates itself are in the working set, not in the database.
    """

    contracts: set[ContractKey] = field(default_factory=set[ContractKey])
    # Contracts that the batch creates: of these, only the supervisors that registered before are loaded.
    created: set[ContractKey] = field(default_factory=set[ContractKey])
    # Contracts that go to a daemon, end or are reopened in the batch: their supervisors are loaded, too.
    assigned: set[ContractKey] = field(default_factory=set[ContractKey])
    archived: set[ContractKey] = field(default_factory=set[ContractKey])  # all their agents are loaded
    tasks: set[InnerKey] = field(default_factory=set[InnerKey])
    questions: set[InnerKey] = field(default_factory=set[InnerKey])
    supervisors: set[SenderKey] = field(default_factory=set[SenderKey])
    daemons: set[SenderKey] = field(default_factory=set[SenderKey])
    agents: set[AgentKey] = field(default_factory=set[AgentKey])


def touched(batch: Iterable[tuple[Recorded, Event]]) -> Touched:
    """The keys of the rows to load."""
    needed = Touched()
    for recorded, event in batch:
        key = contract_of(recorded, event)
        if isinstance(event, ContractCreated):
            needed.created.add((recorded.tenant, recorded.entity_id))
        elif key is not None and key not in needed.created:
            needed.contracts.add(key)
            if isinstance(event, TASK_MOVES):
                needed.tasks.add((*key, event.task_id))
            elif isinstance(event, QuestionAnswered):
                needed.questions.add((*key, event.question_id))
        if key is not None:
            _add_agents(needed, key, event)
        if isinstance(event, SupervisorRegistered | SupervisorStateChanged):
            needed.daemons.add((recorded.tenant, event.daemon_id))
        senders = {"supervisor": needed.supervisors, "daemon": needed.daemons}.get(recorded.category)
        if senders is not None:
            senders.add((recorded.tenant, recorded.entity_id))
    return needed


def _add_agents(needed: Touched, key: ContractKey, event: Event) -> None:
    if (role := _agent_of(event)) is not None:
        needed.agents.add((*key, role))
    if isinstance(event, ContractArchived):
        needed.archived.add(key)
    if isinstance(event, CHANGES_DRIVER):
        needed.assigned.add(key)


def _agent_of(event: Event) -> str | None:
    """The role of the contract's agent that an event may change; None: it changes none."""
    if isinstance(event, AgentEvent):
        return event.role
    of_supervisor = isinstance(event, OF_SUPERVISOR) or (
        isinstance(event, TaskCreated) and event.is_supervisor
    )
    return SUPERVISOR_ROLE if of_supervisor else None
