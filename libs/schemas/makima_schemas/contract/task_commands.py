"""The commands about the tasks of a contract."""

from dataclasses import dataclass

from makima_schemas.contract.model import Id, Name, ReturnReason, SupervisorTaskStatus, Version


@dataclass(frozen=True, slots=True)
class CreateTask:
    """Creates a task in `phase`, by default in the current one.

    The supervisor task (`is_supervisor`) drives the contract, and never counts for a gate.
    """

    task_id: Id
    name: Name
    phase: str | None = None
    role: Id | None = None
    plan: str | None = None
    is_supervisor: bool = False


@dataclass(frozen=True, slots=True)
class ClaimTask:
    """Claims a pending task for an agent of `role` with the connection `connection_id`."""

    task_id: Id
    role: Id
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class StartTask:
    """Starts a claimed task."""

    task_id: Id
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class ReleaseTask:
    """Returns a claimed or running task to `pending`."""

    task_id: Id
    connection_id: Id | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class CompleteTask:
    """Ends a task as completed, or as failed if `success` is false."""

    task_id: Id
    success: bool
    result: str | None = None
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class HandOffTask:
    """Completes the task, and creates the task `next_task_id` for `to_role` with the same phase and name."""

    task_id: Id
    to_role: Id
    next_task_id: Id
    result: str | None = None
    connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class ReturnTasks:
    """Returns to `pending` what `role` holds, claimed or running, since before version `agent_version` of its
    agent's stream. The connection `except_connection_id` keeps what it holds. What was taken at that version or
    later is not touched, however late this comes.
    """

    role: Id
    agent_version: Version
    reason: ReturnReason
    except_connection_id: Id | None = None


@dataclass(frozen=True, slots=True)
class FollowSupervisor:
    """Gives the supervisor's own task the status that its supervisor has."""

    task_id: Id
    status: SupervisorTaskStatus
