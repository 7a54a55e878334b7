"""Folds events onto the rows of the read model.

Pure: no I/O, and no business rules, as the owning services decided the events.
"""

from typing import Final, cast, get_args

from makima_schemas.agent import AgentEvent
from makima_schemas.codec import Event
from makima_schemas.completion import CompletionDetected, CompletionEvent
from makima_schemas.contract.events import (
    ContractAssigned,
    ContractCreated,
    ContractDeleted,
    ContractEvent,
    TaskCreated,
)
from makima_schemas.daemon import DaemonEvent
from makima_schemas.envelope import Recorded
from makima_schemas.silence import SilenceEvent
from makima_schemas.supervisor import (
    CheckpointSaved,
    StateCorruptionDetected,
    SupervisorEvent,
    SupervisorSaved,
)

from makima_gateway.read_model import fold_agents as agent_fold
from makima_gateway.read_model import fold_contract as contract_fold
from makima_gateway.read_model import fold_supervisors as sender_fold
from makima_gateway.read_model import fold_tasks as inner_fold
from makima_gateway.read_model.fold_monitor_events import monitor_event
from makima_gateway.read_model.rows import ContractKey, Rows

CONTRACT_EVENTS: Final[frozenset[type]] = frozenset(get_args(ContractEvent))  # of a contract's own stream
FOREIGN_EVENTS: Final[frozenset[type]] = frozenset(get_args(sender_fold.Foreign))  # of other streams
# All event types that the projection reads from the log.
EVENTS: Final[frozenset[type]] = frozenset(
    event
    for union in (ContractEvent, SupervisorEvent, AgentEvent, DaemonEvent, CompletionEvent, SilenceEvent)
    for event in get_args(union)
) - {
    SupervisorSaved,
    CheckpointSaved,
    StateCorruptionDetected,
}  # these are read from the log, when they are asked for


def contract_of(recorded: Recorded, event: Event) -> ContractKey | None:
    """The contract that the event concerns; None for an event without one, e.g. of a daemon."""
    if type(event) in CONTRACT_EVENTS or isinstance(event, CompletionDetected):
        return recorded.tenant, recorded.entity_id
    contract_id: str | None = getattr(event, "contract_id", None)
    return None if contract_id is None else (recorded.tenant, contract_id)


def fold(rows: Rows, recorded: Recorded, event: Event) -> None:
    """Apply `event` to `rows`, in place, and add its monitor event, if it has one."""
    key = contract_of(recorded, event)
    contract = None if key is None else rows.contracts.get(key)
    before, name = (None, None) if contract is None else (contract.status, contract.name)
    if key is not None and type(event) in CONTRACT_EVENTS:
        _fold_contract(rows, key, recorded, cast("ContractEvent", event))
    elif isinstance(event, sender_fold.Foreign):
        sender_fold.apply(rows, contract, recorded, event)
        if key is not None and contract is not None:
            rows.changed.add(key)
    elif isinstance(event, AgentEvent):
        agent_fold.apply(rows, contract, recorded, event)
    contract = None if key is None else rows.contracts.get(key)
    monitor_row = monitor_event(
        recorded,
        event,
        None if key is None else key[1],
        before,
        None if contract is None else contract.status,
        name=name if contract is None else contract.name,
    )
    if monitor_row is not None:
        rows.monitor_events.append(monitor_row)


def _fold_contract(rows: Rows, key: ContractKey, recorded: Recorded, event: ContractEvent) -> None:
    match event:
        case ContractCreated():
            rows.contracts[key] = contract_fold.created(recorded, event)
            sender_fold.link_early_supervisors(rows, rows.contracts[key])
            agent_fold.derive_supervisor(rows, rows.contracts[key], recorded)
            rows.changed.add(key)
        case ContractDeleted():
            _forget(rows, key)
        case _:
            contract = rows.contracts.get(key)
            if contract is None:
                rows.orphans.append(recorded)
                return
            contract_fold.apply(contract, recorded, event)
            if isinstance(event, ContractAssigned):
                sender_fold.assign(rows, contract, event.daemon_id)
                agent_fold.derive_supervisor(rows, contract, recorded)
            elif isinstance(event, TaskCreated) and event.is_supervisor:
                agent_fold.supervisor_task_created(rows, contract, recorded)
            elif isinstance(event, agent_fold.ENDS):
                agent_fold.follow_contract(rows, contract, recorded)
            rows.changed.add(key)
            try:
                inner_fold.apply(rows, contract, recorded, event)
            except KeyError:
                rows.orphans.append(recorded)


def _forget(rows: Rows, key: ContractKey) -> None:
    """Remove a deleted contract, with its tasks, questions, messages, supervisors and agents, from the working set.

    It is deleted from the read model only: its events stay in the log.
    """
    rows.contracts.pop(key, None)
    rows.changed.discard(key)
    rows.deleted.add(key)
    rows.tasks = {inner: task for inner, task in rows.tasks.items() if inner[:2] != key}
    rows.questions = {inner: question for inner, question in rows.questions.items() if inner[:2] != key}
    rows.messages = [message for message in rows.messages if (message.tenant, message.contract_id) != key]
    rows.supervisors = {
        sender: row for sender, row in rows.supervisors.items() if (row.tenant, row.contract_id) != key
    }
    rows.agents = {agent: row for agent, row in rows.agents.items() if agent[:2] != key}
