"""What the server tells of one contract, to draw and to step through."""

from collections.abc import Mapping
from datetime import timedelta

from makima_cli.monitor.record import Condition, Gate, Logged, Record
from makima_cli.monitor.state import MonitorState
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import TaskStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import DeliverableView, Task

from tests.cli.monitor.states import NOW, contract

EVENTS: tuple[tuple[str, Mapping[str, object]], ...] = (
    ("ContractCreated", {}),
    ("ContractStarted", {}),
    ("TaskCreated", {"task_id": "t1", "name": "look around", "phase": "plan", "role": "builder"}),
    ("TaskClaimed", {"task_id": "t1"}),
    ("TaskStarted", {"task_id": "t1"}),
    ("TaskCompleted", {"task_id": "t1"}),
    ("PhaseChanged", {"from_phase": "plan", "to_phase": "execute"}),
    ("TaskCreated", {"task_id": "t2", "name": "do it", "phase": "execute", "role": "builder"}),
    ("QuestionAsked", {"question_id": "q1", "question": "Which colour?"}),
)


def log() -> tuple[Logged, ...]:
    """One event each second, and a wait of a minute before the phase."""
    return tuple(
        Logged(number, NOW + timedelta(seconds=number + (60 if number >= 7 else 0)), kind, members)
        for number, (kind, members) in enumerate(EVENTS, 1)
    )


def opened(at: int | None = None) -> MonitorState:
    """One contract in its last phase, opened; `at` that version if it is given."""
    state = MonitorState()
    items = (DeliverableView("execute", "pull-request", "Pull request", completed=False),)
    now = contract("c1", len(EVENTS), phase="execute", deliverables=items)
    state.put([now])
    tasks = (Task("t2", "c1", "do it", "execute", TaskStatus.RUNNING, "builder"),)
    reasons = ({"kind": "fact", "code": "NO_DAEMON", "text": "no daemon is there", "act": "start one"},)
    agents = (AgentRecord("c1", "builder", AgentStatus.WORKING), AgentRecord("c1", "supervisor"))
    gate = Gate(
        (
            Condition("deliverable", "pull-request", "Pull request", "missing", waits_for="supervisor"),
            Condition("tasks", "tasks", "1 of 2 tasks", "missing"),
            Condition("task", "t2", "do it", "missing", NOW, waits_for="builder"),
            Condition("task", "t3", "test it", "met", NOW, "exit code 0"),
            Condition("switch", "auto_complete_enabled", "auto-complete", "met"),
            Condition("guard", "guard", "your confirmation", "unknown", waits_for="you"),
        ),
        None,
        "completion_detector",
        NOW,
    )
    state.opened = state.selected[state.pane] = "c1"
    state.inside.at = at
    state.inside.record = Record(now, at, NOW, gate, "degraded", reasons, tasks, (), agents, log())
    return state
