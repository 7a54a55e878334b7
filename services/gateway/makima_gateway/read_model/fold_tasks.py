"""Folds an event of a contract's stream onto the rows of its tasks, questions and messages."""

from datetime import datetime
from typing import Final

import orjson
from makima_schemas.contract.events import (
    ContractEvent,
    MessageSent,
    QuestionAnswered,
    QuestionAsked,
    TaskClaimed,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskReleased,
    TaskStarted,
)
from makima_schemas.contract.model import TaskStatus
from makima_schemas.envelope import Recorded

from makima_gateway.read_model.rows import ContractRow, MessageRow, QuestionRow, Rows, TaskRow

INNER: Final[frozenset[type[ContractEvent]]] = frozenset(
    {
        TaskCreated,
        TaskClaimed,
        TaskStarted,
        TaskReleased,
        TaskCompleted,
        TaskFailed,
        QuestionAsked,
        QuestionAnswered,
        MessageSent,
    }
)


def apply(rows: Rows, contract: ContractRow, recorded: Recorded, event: ContractEvent) -> None:  # noqa: C901 - one case per event
    """Apply `event` to `rows`, in place. Raises `KeyError` for a task or question that has no row."""
    if type(event) not in INNER:
        return
    at = recorded.recorded_at
    tenant, contract_id = contract.tenant, contract.id
    match event:
        case TaskCreated():
            task = _created(contract, recorded, event)
            rows.tasks[(tenant, contract_id, task.id)] = task
            _count(contract, task, total=1)
        case TaskClaimed(task_id=task_id, role=role, connection_id=connection_id):
            task = rows.tasks[(tenant, contract_id, task_id)]
            _move(contract, task, TaskStatus.CLAIMED, at)
            task.role, task.connection_id = role, connection_id
        case TaskStarted(task_id=task_id, connection_id=connection_id):
            task = rows.tasks[(tenant, contract_id, task_id)]
            _move(contract, task, TaskStatus.RUNNING, at)
            task.connection_id = connection_id or task.connection_id
        case TaskReleased(task_id=task_id):
            task = rows.tasks[(tenant, contract_id, task_id)]
            _move(contract, task, TaskStatus.PENDING, at)
            task.role, task.connection_id = task.wanted_role, None
        case TaskCompleted(task_id=task_id, result=result):
            task = rows.tasks[(tenant, contract_id, task_id)]
            _move(contract, task, TaskStatus.COMPLETED, at)
            task.result = result
        case TaskFailed(task_id=task_id, result=result):
            task = rows.tasks[(tenant, contract_id, task_id)]
            _move(contract, task, TaskStatus.FAILED, at)
            task.result = result
        case QuestionAsked(again=True):
            pass  # it is open already
        case QuestionAsked(question_id=question_id, question=question, question_type=kind, options=options):
            rows.questions[(tenant, contract_id, question_id)] = QuestionRow(
                tenant,
                contract_id,
                question_id,
                question,
                kind,
                orjson.dumps(options).decode(),
                "open",
                None,
                at,
                None,
                recorded.position,
            )
        case QuestionAnswered(question_id=question_id, answer=answer):
            row = rows.questions[(tenant, contract_id, question_id)]
            row.status, row.answer, row.answered_at = "answered", answer, at
        case MessageSent(message_id=message_id, role=role, content=content):
            rows.messages.append(
                MessageRow(tenant, contract_id, recorded.position, message_id, role, content, at)
            )
        case _:
            pass


def _created(contract: ContractRow, recorded: Recorded, event: TaskCreated) -> TaskRow:
    return TaskRow(
        tenant=contract.tenant,
        contract_id=contract.id,
        id=event.task_id,
        name=event.name,
        phase=event.phase,
        role=event.role,
        plan=event.plan,
        status=TaskStatus.PENDING,
        connection_id=None,
        result=None,
        is_supervisor=event.is_supervisor,
        created_at=recorded.recorded_at,
        updated_at=recorded.recorded_at,
        created_position=recorded.position,
        wanted_role=event.role,
    )


def _move(contract: ContractRow, task: TaskRow, status: TaskStatus, at: datetime) -> None:
    """Change a task's status, and the contract's counts with it."""
    _count(contract, task, total=-1)
    task.status, task.updated_at = status, at
    _count(contract, task, total=1)


def _count(contract: ContractRow, task: TaskRow, *, total: int) -> None:
    """Add `total` (1 or −1) to the contract's count of the task's status.

    The supervisor task is not counted, as it drives the contract (domain.md, Contract).
    """
    if task.is_supervisor:
        return
    contract.tasks_total += total
    match task.status:
        case TaskStatus.PENDING:
            contract.tasks_pending += total
        case TaskStatus.CLAIMED:
            contract.tasks_claimed += total
        case TaskStatus.RUNNING:
            contract.tasks_running += total
        case TaskStatus.COMPLETED:
            contract.tasks_completed += total
        case TaskStatus.FAILED:
            contract.tasks_failed += total
