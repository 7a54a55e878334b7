"""What a line of `makima contracts monitor --format text` tells."""

import click
import pytest
from makima_cli.contracts.watch import Place
from makima_cli.event_summary import summary


@pytest.mark.parametrize(
    ("event", "line"),
    [
        (
            {
                "type": "StatusChanged",
                "contract_id": "c1",
                "old_status": "active",
                "new_status": "failed",
                "reason": "no way",
            },
            "active → failed  reason=no way",
        ),
        (
            {
                "type": "StatusChanged",
                "contract_id": "c1",
                "old_status": None,
                "new_status": "created",
                "reason": None,
            },
            "created",
        ),
        (
            {
                "type": "StatusChanged",
                "contract_id": "c1",
                "name": "gone",
                "old_status": "archived",
                "new_status": None,
            },
            "archived → deleted  name=gone",
        ),
        (
            {
                "type": "SupervisorStateChanged",
                "supervisor_task_id": "t1",
                "old_state": "idle",
                "new_state": "working",
            },
            "idle → working",
        ),
        (
            {"type": "PhaseChanged", "position": 7, "old_phase": "plan", "new_phase": "execute"},
            "plan → execute",
        ),
        (
            {
                "type": "AgentStatusChanged",
                "role": "builder",
                "old_status": "working",
                "new_status": "dead",
                "trigger": "heartbeat_expired",
            },
            "working → dead  role=builder  trigger=heartbeat_expired",
        ),
        (
            {"type": "TaskCompleted", "task_id": "t2", "task_name": "build", "success": False},
            "task_id=t2  task_name=build  success=False",
        ),
    ],
)
def test_a_change_reads_from_old_to_new(event: dict[str, object], line: str) -> None:
    assert summary(event) == line


@pytest.mark.parametrize(("typed", "place"), [("7", (None, 7)), ("0d5f-1:7", ("0d5f-1", 7))])
def test_a_place_to_go_on_from_may_name_its_epoch(typed: str, place: tuple[str | None, int]) -> None:
    assert Place().convert(typed, None, None) == place


@pytest.mark.parametrize("typed", ["", "-1", "x", "7:", ":7", "a b:7", "7" * 19])
def test_what_is_no_place_is_refused(typed: str) -> None:
    with pytest.raises(click.BadParameter, match="no position"):
        Place().convert(typed, None, None)
