"""Deliverables and tasks."""

from makima_schemas.contract.commands import ClaimTask, CompleteDeliverable, CompleteTask, CreateTask, HandOffTask, ReleaseTask, StartTask
from makima_schemas.contract.events import (
    ContractEvent,
    DeliverableCompleted,
    TaskClaimed,
    TaskCompleted,
    TaskCreated,
    TaskFailed,
    TaskReleased,
    TaskStarted,
)
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.refusals import invalid
from makima_contract.domain.state import Contract, Task
from makima_contract.domain.statuses import TASKS

TaskCommand = ClaimTask | StartTask | ReleaseTask | CompleteTask | HandOffTask


def complete_deliverable(contract: Contract, command: CompleteDeliverable) -> list[ContractEvent]:
    """Plan 1.1: only what the phase declares; completing it again changes nothing."""
    name = command.phase or contract.phase_name
    phase = contract.declared(name)
    valid = [deliverable.id for deliverable in phase.deliverables] if phase else []
    if command.deliverable_id not in valid:
        detail = f"phase {name!r} declares no deliverable {command.deliverable_id!r}" if phase else f"phase {name!r} is not declared"
        raise Refused(ErrorCode.INVALID_DELIVERABLE, detail, hint=f"valid here: {', '.join(valid) or 'none'}", phase=name, valid=valid)
    if (name, command.deliverable_id) in contract.delivered:
        return []
    return [DeliverableCompleted(name, command.deliverable_id, command.evidence)]


def create_task(contract: Contract, command: CreateTask) -> list[ContractEvent]:
    phase = command.phase or contract.phase_name
    if contract.declared(phase) is None:
        raise invalid("phase", f"{phase!r} is not one of {', '.join(declared.name for declared in contract.phases)}")
    _check_new(contract, command.task_id, "task_id")
    return [TaskCreated(command.task_id, command.name, phase, command.role, command.plan, command.is_supervisor)]


def claim_task(contract: Contract, command: ClaimTask) -> list[ContractEvent]:
    task = _task(contract, command)
    if task.role is not None and task.role != command.role:
        raise Refused(ErrorCode.FORBIDDEN, f"task {command.task_id!r} waits for role {task.role!r}, not for {command.role!r}")
    return [TaskClaimed(command.task_id, command.role, command.connection_id)]


def start_task(contract: Contract, command: StartTask) -> list[ContractEvent]:
    _task(contract, command)
    return [TaskStarted(command.task_id, command.connection_id)]


def release_task(contract: Contract, command: ReleaseTask) -> list[ContractEvent]:
    _task(contract, command)
    return [TaskReleased(command.task_id, command.reason)]


def complete_task(contract: Contract, command: CompleteTask) -> list[ContractEvent]:
    task = _task(contract, command)
    ended = TaskCompleted if command.success else TaskFailed
    return [ended(command.task_id, task.name, command.result)]


def hand_off_task(contract: Contract, command: HandOffTask) -> list[ContractEvent]:
    task = _task(contract, command)
    _check_new(contract, command.next_task_id, "next_task_id")
    return [
        TaskCompleted(command.task_id, task.name, command.result),
        TaskCreated(command.next_task_id, task.name, task.phase, command.to_role, task.plan, task.is_supervisor),
    ]


def _check_new(contract: Contract, task_id: str, path: str) -> None:
    if task_id in contract.tasks:
        raise invalid(path, f"task {task_id!r} exists already", hint="mint a new id for a new task")


def _task(contract: Contract, command: TaskCommand) -> Task:
    """The task, if the command may come now and from this connection.

    Raises `TASK_NOT_FOUND`, `INVALID_TRANSITION`, and `SUPERSEDED` where another incarnation of the agent holds the task. A connection that
    is not named is not fenced: then the daemon or a person speaks.
    """
    task = contract.tasks.get(command.task_id)
    if task is None:
        raise Refused(ErrorCode.TASK_NOT_FOUND, f"there is no task {command.task_id!r} in this contract")
    if TASKS.allowed(task.status, type(command)) is None:
        raise TASKS.refusal(task.status, type(command), f"task {command.task_id!r} is {task.status}")
    if (
        not isinstance(command, ClaimTask)
        and None not in (task.connection_id, command.connection_id)
        and task.connection_id != command.connection_id
    ):
        raise Refused(
            ErrorCode.SUPERSEDED, f"task {command.task_id!r} is held by another connection", hint="join again, and ask for a task"
        )
    return task
