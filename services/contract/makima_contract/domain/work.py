"""Commands about deliverables and tasks."""

from typing import Final

from makima_schemas.contract.commands import (
    ClaimTask,
    CompleteDeliverable,
    CompleteTask,
    ContractCommand,
    CreateTask,
    FollowSupervisor,
    HandOffTask,
    ReleaseTask,
    ReturnTasks,
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
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_contract.domain.agents import TaskCall, TaskCommand
from makima_contract.domain.refusals import invalid
from makima_contract.domain.state import Contract, Task
from makima_contract.domain.statuses import HELD, SUPERVISOR_TASK, TASKS

SUPERVISOR_SILENT: Final = "supervisor_silent"  # why the supervisor's own task is `pending` again


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


def claim_task(contract: Contract, command: ClaimTask, call: TaskCall | None) -> list[ContractEvent]:
    """Claims a pending task. Raises what `_task` raises, and `Refused(FORBIDDEN)` for another role's task."""
    task = _task(contract, command, call)
    if task.role is not None and task.role != command.role:
        raise Refused(
            ErrorCode.FORBIDDEN,
            f"task {command.task_id!r} is for role {task.role!r}, not for {command.role!r}",
        )
    return [TaskClaimed(command.task_id, command.role, command.connection_id, _version(call))]


def start_task(contract: Contract, command: StartTask, call: TaskCall | None) -> list[ContractEvent]:
    """Starts a claimed task. Raises what `_task` raises."""
    _task(contract, command, call)
    return [TaskStarted(command.task_id, command.connection_id, _version(call))]


def release_task(contract: Contract, command: ReleaseTask, call: TaskCall | None) -> list[ContractEvent]:
    """Returns a claimed or running task to PENDING. Raises what `_task` raises."""
    _task(contract, command, call)
    return [TaskReleased(command.task_id, command.reason)]


def complete_task(contract: Contract, command: CompleteTask, call: TaskCall | None) -> list[ContractEvent]:
    """Ends a task as completed, or as failed if `success` is False. Raises what `_task` raises."""
    task = _task(contract, command, call)
    ended = TaskCompleted if command.success else TaskFailed
    return [ended(command.task_id, task.name, command.result)]


def hand_off_task(contract: Contract, command: HandOffTask, call: TaskCall | None) -> list[ContractEvent]:
    """Completes a task and creates its successor for another role, with the same name, phase and plan.

    Raises `Refused(INVALID_REQUEST)` if the successor's id exists already, and what `_task` raises.
    """
    task = _task(contract, command, call)
    _check_new(contract, command.next_task_id, "next_task_id")
    return [
        TaskCompleted(command.task_id, task.name, command.result),
        TaskCreated(
            command.next_task_id, task.name, task.phase, command.to_role, task.plan, task.is_supervisor
        ),
    ]


def return_tasks(contract: Contract, command: ReturnTasks) -> list[ContractEvent]:
    """Returns what the role held before its agent went, or was replaced; repeated, it finds nothing."""
    return [
        TaskReleased(task_id, command.reason)
        for task_id, task in contract.tasks.items()
        if task.status in HELD
        and task.held_by == command.role
        and task.agent_version < command.agent_version
        and not (task.connection_id is not None and task.connection_id == command.except_connection_id)
    ]


def follow_supervisor(contract: Contract, command: FollowSupervisor) -> list[ContractEvent]:
    """Brings the supervisor's own task into the status of its supervisor; no event if it is there."""
    task = contract.tasks.get(command.task_id)
    if task is None or not task.is_supervisor or task.status == command.status:
        return []
    match command.status:
        case "running":
            event = TaskStarted(command.task_id)
        case "pending":
            event = TaskReleased(command.task_id, SUPERVISOR_SILENT)
        case "completed":
            event = TaskCompleted(command.task_id, task.name)
        case "failed":
            event = TaskFailed(command.task_id, task.name)
    return [event] if SUPERVISOR_TASK.covers(task.status, FollowSupervisor, type(event)) else []


def end_supervisor_tasks(contract: Contract, ends_as: ContractStatus | None) -> list[ContractEvent]:
    """The end of the supervisor's own task in a contract that ends as `ends_as`."""
    ended = TaskFailed if ends_as is ContractStatus.FAILED else TaskCompleted
    return [
        ended(task_id, task.name)
        for task_id, task in contract.tasks.items()
        if task.is_supervisor and SUPERVISOR_TASK.covers(task.status, FollowSupervisor, ended)
    ]


def is_repeat(contract: Contract, command: ContractCommand, call: TaskCall | None = None) -> bool:
    """True if who sends the command has done that already, and perhaps not got the answer: nothing is recorded
    again, whatever has become of the contract since. What it did may have been the last thing to do, and the
    contract is completed by now. Whoever is in force may complete what its role holds, and so repeat that.
    """
    match command:
        case ClaimTask():
            return _did(contract, command, TaskStatus.CLAIMED, TaskStatus.RUNNING)
        case StartTask():
            return _did(contract, command, TaskStatus.RUNNING)
        case CompleteTask(success=success):
            ended = TaskStatus.COMPLETED if success else TaskStatus.FAILED
            return _did(contract, command, ended) or _role_did(contract, call, ended)
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


def _role_did(contract: Contract, call: TaskCall | None, ended: TaskStatus) -> bool:
    """True if the role of the connection in force has ended the task so."""
    if call is None or call.command.connection_id is None:
        return False
    task = contract.tasks.get(call.command.task_id)
    return (
        task is not None
        and (task.status, task.held_by) == (ended, call.role)
        and call.agent.connection_id == call.command.connection_id
    )


def _version(call: TaskCall | None) -> int | None:
    return None if call is None else call.agent_version


def _check_new(contract: Contract, task_id: str, path: str) -> None:
    if task_id in contract.tasks:
        raise invalid(path, f"task {task_id!r} already exists", hint="use a new id for a new task")


def _task(contract: Contract, command: TaskCommand, call: TaskCall | None) -> Task:
    """The task, if the command is allowed in the task's status and from this connection.

    Raises `Refused`: `TASK_NOT_FOUND`, `INVALID_TRANSITION`, and `SUPERSEDED` if another connection holds the
    task and its role has no agent record: with one, the fence is the role's (`agents.check_in_force`). A command
    without a connection id is not fenced: it comes from the daemon or a person.
    """
    task = contract.tasks.get(command.task_id)
    if task is None:
        raise Refused(ErrorCode.TASK_NOT_FOUND, f"there is no task {command.task_id!r} in this contract")
    if TASKS.allowed(task.status, type(command)) is None:
        raise TASKS.refusal(task.status, type(command), f"task {command.task_id!r} is {task.status}")
    if (
        not isinstance(command, ClaimTask)
        and (call is None or not call.agent.exists)
        and None not in (task.connection_id, command.connection_id)
        and task.connection_id != command.connection_id
    ):
        raise Refused(
            ErrorCode.SUPERSEDED,
            f"task {command.task_id!r} is held by another connection",
            hint="join again, then claim a task",
        )
    return task
