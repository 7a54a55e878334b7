"""How contracts come into each status, for tests that begin there."""

from makima_contract.domain.decider import ContractDecider
from makima_kernel.testing import scenario
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e
from makima_schemas.contract.events import ContractEvent
from makima_schemas.contract.model import ContractStatus, Deliverable, Phase

PLAN = Phase("plan", (Deliverable("plan-document", "Plan document"),))
EXECUTE = Phase("execute", (Deliverable("pull-request", "Pull request"),))
REVIEW = Phase("review", (Deliverable("release-notes", "Release notes"),))

DECIDER = ContractDecider()
given = scenario(DECIDER)


def opened(*phases: Phase, guard: bool = False, auto: bool = True) -> e.ContractCreated:
    return e.ContractCreated("demo", "", "simple", "ada", phases or (PLAN, EXECUTE), guard, auto)


STARTED = e.ContractStarted()
PLANNED = e.DeliverableCompleted("plan", "plan-document")
SHIPPED = e.DeliverableCompleted("execute", "pull-request")
TO_EXECUTE = e.PhaseChanged("plan", "execute")
ASKED = e.QuestionAsked("q1", "Which database?", "text")
COMPLETING = (opened(), STARTED, PLANNED, TO_EXECUTE, SHIPPED, e.CompletionStarted())

# The shortest way into each status.
IN: dict[ContractStatus, tuple[ContractEvent, ...]] = {
    ContractStatus.CREATED: (opened(),),
    ContractStatus.ACTIVE: (opened(), STARTED),
    ContractStatus.WAITING_FOR_INPUT: (opened(), STARTED, ASKED, e.InputAwaited("question")),
    ContractStatus.PAUSED: (opened(), STARTED, e.ContractPaused(None, ContractStatus.ACTIVE)),
    ContractStatus.BLOCKED: (opened(), STARTED, e.ContractBlocked("no network")),
    ContractStatus.COMPLETING: COMPLETING,
    ContractStatus.COMPLETED: (opened(), STARTED, e.ContractCompleted("request")),
    ContractStatus.FAILED: (opened(), STARTED, e.ContractFailed("no budget")),
    ContractStatus.ARCHIVED: (opened(), e.ContractArchived()),
}

# A command of each class that finds what it names.
ASKS: tuple[c.ContractCommand, ...] = (
    c.CreateContract("demo", "ada"),
    c.StartContract(),
    c.PauseContract("lunch"),
    c.ResumeContract(),
    c.BlockContract("no network"),
    c.UnblockContract(),
    c.FailContract("no budget"),
    c.ReopenContract("a bug"),
    c.ArchiveContract(),
    c.DeleteContract(),
    c.AssignContract("d9", "placed"),
    c.AwaitConfirmation("plan"),
    c.StartCompletion("execute"),
    c.AbortCompletion("final validation failed"),
    c.FinishCompletion("cleanup_done"),
    c.CompleteContract(),
    c.ChangePhase("execute", confirmed=True, force=True),
    c.RecordValidation("plan", "lint", passed=True),
    c.SetPhaseGuard(enabled=True),
    c.SetAutoComplete(enabled=False),
    c.CompleteDeliverable("plan-document", phase="plan"),
    c.CreateTask("t9", "write"),
    c.ClaimTask("t1", "builder"),
    c.StartTask("t2"),
    c.ReleaseTask("t2"),
    c.CompleteTask("t2", success=True),
    c.HandOffTask("t2", "reviewer", "t9"),
    c.ReturnTasks("builder", 1, "agent_left"),
    c.FollowSupervisor("t2", "running"),
    c.AskQuestion("q9", "Why?"),
    c.AnswerQuestion("q1", "Postgres"),
    c.SendMessage("m1", "user", "hello"),
)
