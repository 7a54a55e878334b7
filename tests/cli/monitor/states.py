"""States of the monitor to draw and to type into."""

from datetime import UTC, datetime, timedelta
from typing import Any

from makima_cli.monitor.keys import Act, press
from makima_cli.monitor.state import MonitorState
from makima_cli.monitor.view import draw
from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import ContractStatus
from makima_sdk.agents import AgentRecord
from makima_sdk.models import Contract, Question, TaskCounts

NOW = datetime(2026, 7, 1, 10, 0, tzinfo=UTC)
SIZES = [(80, 24), (110, 30), (120, 40), (160, 45), (200, 50), (60, 12), (59, 11), (1, 1), (12, 3)]
PHASES = ("plan", "execute")


def contract(contract_id: str, version: int = 1, **members: Any) -> Contract:
    given: dict[str, Any] = {
        "name": f"contract {contract_id}",
        "status": ContractStatus.ACTIVE,
        "phase": "plan",
        "phases": PHASES,
        "created_at": NOW - timedelta(hours=1),
        "status_changed_at": NOW - timedelta(minutes=5),
        "updated_at": NOW - timedelta(minutes=5),
        "last_activity_at": NOW - timedelta(seconds=94),
        "tasks": TaskCounts(total=4, completed=3),
    }
    return Contract(id=contract_id, contract_type="simple", version=version, **(given | members))


def event(kind: str, position: int, contract_id: str = "c1", **members: object) -> dict[str, object]:
    at = NOW + timedelta(seconds=position)
    return {
        "type": kind,
        "position": position,
        "timestamp": at.isoformat(),
        "contract_id": contract_id,
        **members,
    }


def hello(position: int = 0) -> dict[str, object]:
    return {"type": "hello", "epoch": "e1", "position": position}


def fleet() -> MonitorState:
    """One contract of each kind, a question, a confirmation, a block, and agents in every status."""
    state = MonitorState()
    state.fold(hello())
    waiting: dict[str, Any] = {"status": ContractStatus.WAITING_FOR_INPUT}
    state.put(
        [
            contract("c1"),
            contract("c2", **waiting, waiting_for="question", status_changed_at=NOW - timedelta(minutes=22)),
            contract("c3", **waiting, waiting_for="phase_confirmation"),
            contract("c4", status=ContractStatus.BLOCKED, blocked_reason="staging is in use"),
            contract("c5", stale=True),
            contract("c6", status=ContractStatus.PAUSED),
        ]
    )
    state.put_question("c2", Question("q1", "Which colour?", "open", "choice", ("blue", "green")))
    since = NOW - timedelta(minutes=2)
    state.put_agents(
        AgentRecord(f"c{number}", "builder", status, since=since, stuck=status is AgentStatus.WORKING)
        for number, status in enumerate(AgentStatus, 1)
    )
    state.fold(event("TaskCompleted", 1, task_name="look around", success=True))
    return state


def screen(state: MonitorState, width: int = 80, height: int = 24) -> list[str]:
    return ["".join(piece.text for piece in line) for line in draw(state, width, height, NOW)]


def typed(state: MonitorState, keys: str) -> Act | None:
    """The effect of the last key. A capital stands for itself; `\\n` is Enter."""
    act = None
    for key in keys:
        act = press(state, "enter" if key == "\n" else key, None if key == "\n" else key, NOW)
    return act
