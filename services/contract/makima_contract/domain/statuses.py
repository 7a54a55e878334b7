"""The lifecycle tables of contracts and tasks: allowed commands per status, their events, the next status."""

from typing import Final

from makima_kernel.commands.lifecycle import GONE, STAY, Lifecycle, Recorded, Row, SideEffect
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus, TaskStatus
from makima_schemas.refusal import Refused

CREATED, ACTIVE, WAITING_FOR_INPUT = (
    ContractStatus.CREATED,
    ContractStatus.ACTIVE,
    ContractStatus.WAITING_FOR_INPUT,
)
PAUSED, BLOCKED, COMPLETING = ContractStatus.PAUSED, ContractStatus.BLOCKED, ContractStatus.COMPLETING
COMPLETED, FAILED, ARCHIVED = ContractStatus.COMPLETED, ContractStatus.FAILED, ContractStatus.ARCHIVED

RUNNING: Final = (ACTIVE, WAITING_FOR_INPUT)
STARTED: Final = (*RUNNING, COMPLETING, PAUSED, BLOCKED)  # in these it accepts questions and verdicts
OPEN: Final = (CREATED, *STARTED)  # in these it accepts work: tasks, deliverables, messages
KEPT: Final = (*OPEN, COMPLETED, FAILED)  # all but ARCHIVED: its switches may be changed

# A contract that continues gets status ACTIVE, or WAITING_FOR_INPUT if it still waits for something.
# The event records which.
GOING_ON: Final = Recorded((ACTIVE, WAITING_FOR_INPUT))
# A resumed contract returns to the status in which it was paused. ACTIVE comes first because a refusal of
# ResumeContract reports the first destination as `to`, and that is the status which the sender expects.
BACK: Final = Recorded((ACTIVE, WAITING_FOR_INPUT, CREATED, BLOCKED))

# The commands after which a guarded phase may no longer wait for its confirmation.
# If a question is open then, the contract waits for its answer instead.
MAY_END_CONFIRMATION: Final = (c.ChangePhase, c.SetPhaseGuard, c.RecordValidation, c.CreateTask)

LIFECYCLE: Final = Lifecycle[ContractStatus](
    # while             on                      records                 then
    Row((None,),        c.CreateContract,       e.ContractCreated,      CREATED),
    Row((CREATED,),     c.StartContract,        e.ContractStarted,      ACTIVE),
    Row((CREATED, *RUNNING, BLOCKED), c.PauseContract, e.ContractPaused, PAUSED),
    Row((PAUSED,),      c.ResumeContract,       e.ContractResumed,      BACK),
    Row(RUNNING,        c.BlockContract,        e.ContractBlocked,      BLOCKED),
    Row((BLOCKED,),     c.UnblockContract,      e.ContractUnblocked,    GOING_ON),
    Row(RUNNING,        c.AwaitConfirmation,    e.InputAwaited,         WAITING_FOR_INPUT),
    Row(RUNNING,        c.StartCompletion,      e.CompletionStarted,    COMPLETING),
    Row((COMPLETING,),  c.AbortCompletion,      e.CompletionAborted,    GOING_ON),
    Row((COMPLETING,),  c.FinishCompletion,     e.ContractCompleted,    COMPLETED),
    Row((CREATED, *RUNNING), c.CompleteContract, e.ContractCompleted,   COMPLETED),
    Row(OPEN,           c.FailContract,         e.ContractFailed,       FAILED),
    Row((COMPLETED, FAILED), c.ReopenContract,  e.ContractReopened,     GOING_ON),
    Row((CREATED, COMPLETED, FAILED), c.ArchiveContract, e.ContractArchived, ARCHIVED),
    Row((ARCHIVED,),    c.DeleteContract,       e.ContractDeleted,      GONE),
    Row(KEPT,           c.AssignContract,       e.ContractAssigned,     STAY),
    # phases
    Row(RUNNING,        c.ChangePhase,          e.PhaseChanged,         STAY),
    Row(STARTED,        c.RecordValidation,     e.PhaseValidated,       STAY),
    Row(KEPT,           c.SetPhaseGuard,        e.PhaseGuardSet,        STAY),
    Row(KEPT,           c.SetAutoComplete,      e.AutoCompleteSet,      STAY),
    # work
    Row(OPEN,           c.CompleteDeliverable,  e.DeliverableCompleted, STAY),
    Row(OPEN,           c.CreateTask,           e.TaskCreated,          STAY),
    Row(OPEN,           c.ClaimTask,            e.TaskClaimed,          STAY),
    Row(OPEN,           c.StartTask,            e.TaskStarted,          STAY),
    Row(OPEN,           c.ReleaseTask,          e.TaskReleased,         STAY),
    Row(OPEN,           c.CompleteTask,         e.TaskCompleted,        STAY),
    Row(OPEN,           c.CompleteTask,         e.TaskFailed,           STAY),
    Row(OPEN,           c.HandOffTask,          e.TaskCompleted,        STAY),
    Row(OPEN,           c.HandOffTask,          e.TaskCreated,          STAY),
    # the agents and the supervisor behind the tasks
    Row(OPEN,           c.ReturnTasks,          e.TaskReleased,         STAY),
    Row(OPEN,           c.FollowSupervisor,     e.TaskStarted,          STAY),
    Row(OPEN,           c.FollowSupervisor,     e.TaskReleased,         STAY),
    Row(OPEN,           c.FollowSupervisor,     e.TaskCompleted,        STAY),
    Row(OPEN,           c.FollowSupervisor,     e.TaskFailed,           STAY),
    Row(OPEN,           c.SendMessage,          e.MessageSent,          STAY),
    Row(STARTED,        c.AskQuestion,          e.QuestionAsked,        STAY),
    Row(STARTED,        c.AnswerQuestion,       e.QuestionAnswered,     STAY),
    # additional events: the contract begins or stops to wait for input; new work aborts a completion; an old
    # client (`complete_first`) archives a contract that is still running; a contract that ends takes its
    # supervisor's task with it; a restored supervisor has its open questions delivered again
    SideEffect((ACTIVE,),     c.StartContract,        e.InputAwaited,         WAITING_FOR_INPUT),
    SideEffect(RUNNING,       c.AskQuestion,          e.InputAwaited,         WAITING_FOR_INPUT),
    SideEffect((WAITING_FOR_INPUT,), (c.AnswerQuestion, *MAY_END_CONFIRMATION), e.InputReceived, ACTIVE),
    SideEffect((WAITING_FOR_INPUT,), MAY_END_CONFIRMATION, e.InputAwaited,    WAITING_FOR_INPUT),
    SideEffect((COMPLETING,), (c.CreateTask, c.HandOffTask, c.AskQuestion), e.CompletionAborted, GOING_ON),
    SideEffect(STARTED,       c.AssignContract,       e.QuestionAsked,        STAY),
    SideEffect(RUNNING,       c.ArchiveContract,      e.ContractCompleted,    COMPLETED),
    SideEffect((CREATED, *RUNNING, COMPLETING), (c.CompleteContract, c.FinishCompletion, c.ArchiveContract),
               e.TaskCompleted, STAY),
    SideEffect(OPEN,          c.FailContract,         e.TaskFailed,           STAY),
)  # fmt: skip

HELD: Final = (TaskStatus.CLAIMED, TaskStatus.RUNNING)  # an agent has it

TASKS: Final = Lifecycle[TaskStatus](
    Row((None,), (c.CreateTask, c.HandOffTask), e.TaskCreated, TaskStatus.PENDING),
    Row((TaskStatus.PENDING,), c.ClaimTask, e.TaskClaimed, TaskStatus.CLAIMED),
    Row((TaskStatus.CLAIMED,), c.StartTask, e.TaskStarted, TaskStatus.RUNNING),
    Row(HELD, (c.ReleaseTask, c.ReturnTasks), e.TaskReleased, TaskStatus.PENDING),
    Row(
        (TaskStatus.PENDING, TaskStatus.CLAIMED, TaskStatus.RUNNING),
        (c.CompleteTask, c.HandOffTask),
        e.TaskCompleted,
        TaskStatus.COMPLETED,
    ),
    Row(
        (TaskStatus.PENDING, TaskStatus.CLAIMED, TaskStatus.RUNNING),
        c.CompleteTask,
        e.TaskFailed,
        TaskStatus.FAILED,
    ),
)

# The supervisor's own task: it follows its supervisor, also back into work when the contract was reopened.
SUPERVISOR_TASK: Final = Lifecycle[TaskStatus](
    Row(
        (TaskStatus.PENDING, TaskStatus.CLAIMED, TaskStatus.COMPLETED, TaskStatus.FAILED),
        c.FollowSupervisor,
        e.TaskStarted,
        TaskStatus.RUNNING,
    ),
    Row(HELD, c.FollowSupervisor, e.TaskReleased, TaskStatus.PENDING),
    Row((TaskStatus.PENDING, *HELD), c.FollowSupervisor, e.TaskCompleted, TaskStatus.COMPLETED),
    Row((TaskStatus.PENDING, *HELD), c.FollowSupervisor, e.TaskFailed, TaskStatus.FAILED),
)

# Commands that detectors send, or that follow another aggregate. A detector may be late, so where the table has no row for such a command,
# it is accepted without an event instead of refused.
DETECTOR_REQUESTS: Final = frozenset(
    {
        c.AwaitConfirmation,
        c.StartCompletion,
        c.AbortCompletion,
        c.FinishCompletion,
        c.RecordValidation,
        c.ReturnTasks,
        c.FollowSupervisor,
    }
)

_HINTS: Final = {
    CREATED: "start it first",
    PAUSED: "resume it first",
    BLOCKED: "unblock it first",
    COMPLETED: "reopen it first",
    FAILED: "reopen it first",
    ARCHIVED: "an archived contract cannot be changed; only completed and failed contracts can be reopened",
}


def transition_refusal(status: ContractStatus, command: type) -> Refused:
    """The `INVALID_TRANSITION` for a command that the table does not allow in `status`."""
    row = next(row for row in LIFECYCLE.rows if command in row.commands)
    work = row.then is STAY
    hint = (
        _HINTS.get(status)
        if work
        else "wait: it completes when its clean-up is done"
        if status is COMPLETING
        else None
    )
    return LIFECYCLE.refusal(
        status, command, f"status {status} does not allow {_words(command)!r}", hint=hint
    )


def _words(command: type) -> str:
    """`ChangePhase` → `change phase`."""
    return "".join(
        f" {letter.lower()}" if letter.isupper() else letter for letter in command.__name__
    ).strip()
