"""Commands about deliverables and tasks."""

from makima_schemas.contract.commands import (
    ClaimTask,
    CompleteDeliverable,
    CompleteTask,
    ContractCommand,
    CreateTask,
    HandOffTask,
    ReleaseTask,
    StartTask,
)
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
from makima_schemas.contract.model import TaskStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.refusals import invalid
from makima_contract.domain.state import Contract, Task
from makima_contract.domain.statuses import TASKS

TaskCommand = ClaimTask | StartTask | ReleaseTask | CompleteTask | HandOffTask


def complete_deliverable(contract: Contract, command: CompleteDeliverable) -> list[ContractEvent]:
    """Records a deliverable of the named phase, by default the current one (plan 1.1).

    Raises `Refused(INVALID_DELIVERABLE)` with the valid ids if the phase does not declare it, or is not
    declared itself.
    """
    name = command.phase or contract.phase_name
    phase = contract.declared(name)
    valid = [deliverable.id for deliverable in phase.deliverables] if phase else []
    if command.deliverable_id not in valid:
        detail = (
            f"phase {name!r} declares no deliverable {command.deliverable_id!r}"
            if phase
            else f"phase {name!r} is not declared"
        )
        raise Refused(
            ErrorCode.INVALID_DELIVERABLE,
            detail,
            hint=f"valid ids: {', '.join(valid) or 'none'}",
            phase=name,
            valid=valid,
        )
    return [DeliverableCompleted(name, command.deliverable_id, command.evidence)]


def create_task(contract: Contract, command: CreateTask) -> list[ContractEvent]:
    """Creates a task in the named phase, by default the current one.

    Raises `Refused(INVALID_REQUEST)` for an unknown phase and for a task id that exists already.
    """
    phase = command.phase or contract.phase_name
    if contract.declared(phase) is None:
        raise invalid(
            "phase", f"{phase!r} is not one of {', '.join(declared.name for declared in contract.phases)}"
        )
    _check_new(contract, command.task_id, "task_id")
    return [
        TaskCreated(command.task_id, command.name, phase, command.role, command.plan, command.is_supervisor)
    ]


def claim_task(contract: Contract, command: ClaimTask) -> list[ContractEvent]:
    """Claims a pending task. Raises what `_task` raises, and `Refused(FORBIDDEN)` for another role's task."""
    task = _task(contract, command)
    if task.role is not None and task.role != command.role:
        raise Refused(
            ErrorCode.FORBIDDEN,
            f"task {command.task_id!r} is for role {task.role!r}, not for {command.role!r}",
        )
    return [TaskClaimed(command.task_id, command.role, command.connection_id)]


def start_task(contract: Contract, command: StartTask) -> list[ContractEvent]:
    """Starts a claimed task. Raises what `_task` raises."""
    _task(contract, command)
    return [TaskStarted(command.task_id, command.connection_id)]


def release_task(contract: Contract, command: ReleaseTask) -> list[ContractEvent]:
    """Returns a claimed or running task to PENDING. Raises what `_task` raises."""
    _task(contract, command)
    return [TaskReleased(command.task_id, command.reason)]


def complete_task(contract: Contract, command: CompleteTask) -> list[ContractEvent]:
    """Ends a task as completed, or as failed if `success` is False. Raises what `_task` raises."""
    task = _task(contract, command)
    ended = TaskCompleted if command.success else TaskFailed
    return [ended(command.task_id, task.name, command.result)]


def hand_off_task(contract: Contract, command: HandOffTask) -> list[ContractEvent]:
    """Completes a task and creates its successor for another role, with the same name, phase and plan.

    Raises `Refused(INVALID_REQUEST)` if the successor's id exists already, and what `_task` raises.
    """
    task = _task(contract, command)
    _check_new(contract, command.next_task_id, "next_task_id")
    return [
        TaskCompleted(command.task_id, task.name, command.result),
        TaskCreated(
            command.next_task_id, task.name, task.phase, command.to_role, task.plan, task.is_supervisor
        ),
    ]


def is_repeat(contract: Contract, command: ContractCommand) -> bool:
    """True if who sends the command has done that already, and perhaps not got the answer: nothing is recorded
    again, whatever has become of the contract since. What it did may have been the last thing to do, and the
    contract is completed by now.
    """
    match command:
        case ClaimTask():
            return _did(contract, command, TaskStatus.CLAIMED, TaskStatus.RUNNING)
        case StartTask():
            return _did(contract, command, TaskStatus.RUNNING)
        case CompleteTask(success=success):
            return _did(contract, command, TaskStatus.COMPLETED if success else TaskStatus.FAILED)
        case CompleteDeliverable():
            return (command.phase or contract.phase_name, command.deliverable_id) in contract.delivered
        case _:
            return False


def _did(contract: Contract, command: ClaimTask | StartTask | CompleteTask, *afterwards: TaskStatus) -> bool:
    """True if this connection has brought the task into one of the statuses `afterwards`."""
    task = contract.tasks.get(command.task_id)
    return (
        task is not None
        and task.status in afterwards
        and command.connection_id is not None
        and task.connection_id == command.connection_id
    )


def _check_new(contract: Contract, task_id: str, path: str) -> None:
    if task_id in contract.tasks:
        raise invalid(path, f"task {task_id!r} already exists", hint="use a new id for a new task")


def _task(contract: Contract, command: TaskCommand) -> Task:
    """The task, if the command is allowed in the task's status and from this connection.

    Raises `Refused`: `TASK_NOT_FOUND`, `INVALID_TRANSITION`, and `SUPERSEDED` if another connection (another
    incarnation of the agent) holds the task. A command without a connection id is not fenced: it comes from
    the daemon or a person.
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
            ErrorCode.SUPERSEDED,
            f"task {command.task_id!r} is held by another connection",
            hint="join again, then claim a task",
        )
    return task
