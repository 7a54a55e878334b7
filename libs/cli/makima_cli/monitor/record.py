"""What the server tells of one contract, opened: now, or as it was at a version of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Final, NamedTuple

from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract, Question, Task

MAX_LOG: Final = 2_000  # events of a contract that are held: its newest


class Tab(IntEnum):
    EVENTS = 1
    TASKS = 2
    DELIVERABLES = 3
    QUESTIONS = 4
    AGENTS = 5


class Logged(NamedTuple):
    """An event of the contract's own stream."""

    version: int
    at: datetime
    kind: str  # without the prefix and the schema's version
    members: Mapping[str, object]


class TaskThen(NamedTuple):
    name: str
    phase: str
    status: str
    role: str


@dataclass(frozen=True, slots=True)
class Record:
    """`at`: the version that was asked for; None: now. The gate is known of now alone."""

    contract: Contract
    at: int | None = None
    read_at: datetime | None = None
    missing: tuple[str, ...] = ()
    verdict: str = ""
    reasons: tuple[Mapping[str, object], ...] = ()
    tasks: tuple[Task, ...] = ()
    questions: tuple[Question, ...] = ()
    agents: tuple[AgentRecord, ...] = ()
    log: tuple[Logged, ...] = ()  # oldest first

    def rows_of_tasks(self) -> list[TaskThen]:
        """Those of now as the server tells them, those of then as the log does."""
        if self.at is None:
            return [TaskThen(each.name, each.phase, each.status, each.role or "") for each in self.tasks]
        return _tasks_then(self.log, self.at)

    def rows_of_questions(self) -> list[tuple[str, str]]:
        """Each question, and its answer; empty: it is open."""
        if self.at is None:
            return [(each.question, each.answer or "") for each in self.questions]
        questions: dict[object, tuple[str, str]] = {}
        for event in self.log:
            number = event.members.get("question_id")
            if event.version > self.at:
                break
            if event.kind == "QuestionAsked":
                questions[number] = (str(event.members.get("question", "")), "")
            elif event.kind == "QuestionAnswered" and number in questions:
                questions[number] = (questions[number][0], str(event.members.get("answer", "answered")))
        return list(questions.values())

    def phase_changes(self) -> list[Logged]:
        return [each for each in self.log if each.kind == "PhaseChanged"]


_BECOMES: Final = {
    "TaskClaimed": "claimed",
    "TaskStarted": "running",
    "TaskReleased": "pending",
    "TaskCompleted": "completed",
    "TaskFailed": "failed",
}


def _tasks_then(log: tuple[Logged, ...], at: int) -> list[TaskThen]:
    tasks: dict[object, TaskThen] = {}
    for event in log:
        task_id = event.members.get("task_id")
        if event.version > at:
            break
        if event.kind == "TaskCreated":
            name, phase, role = (str(event.members.get(key) or "") for key in ("name", "phase", "role"))
            tasks[task_id] = TaskThen(name, phase, "pending", role)
        elif event.kind in _BECOMES and task_id in tasks:
            tasks[task_id] = tasks[task_id]._replace(status=_BECOMES[event.kind])
    return list(tasks.values())


@dataclass(slots=True)
class Inside:
    """Where a person is in an opened contract. `at` None: now, else a version."""

    tab: Tab = Tab.EVENTS
    row: int = 0
    at: int | None = None
    record: Record | None = None
    role: str = ""  # the agent that is under the cursor in its tab

    def known(self, contract_id: str) -> Record | None:
        """What was read of this contract at this version, if it was read."""
        record = self.record
        return record if record and (record.contract.id, record.at) == (contract_id, self.at) else None

    def go_to(self, tab: Tab) -> None:
        if tab is not self.tab:
            self.tab, self.row, self.role = tab, 0, ""

    def begin(self) -> None:
        """Another contract is opened, or none."""
        self.tab, self.row, self.at, self.role = Tab.EVENTS, 0, None, ""
