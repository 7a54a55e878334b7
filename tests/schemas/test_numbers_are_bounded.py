"""Every number that somebody may send has an upper bound: SQL, clocks and memory have one, too."""

from typing import get_args

import pytest
from makima_schemas import questions
from makima_schemas.commands import Request
from makima_schemas.contract.commands import ContractCommand, CreateContract
from makima_schemas.contract.model import Gate, MinComplete, Phase
from makima_schemas.contract.new_phases import MAX_REQUIRED_TASKS
from makima_schemas.supervisor import RestartSupervisor
from pydantic import TypeAdapter, ValidationError

from tests.schemas.unbounded_numbers import Json, unbounded

ASKED = (
    *get_args(ContractCommand),
    RestartSupervisor,
    questions.TryChangePhase,
    questions.CheckCompletion,
    questions.CleanupWorktrees,
    questions.Heartbeats,
    questions.Status,
    Request[Json],
)


@pytest.mark.parametrize("asked", ASKED, ids=str)
def test_every_number_of_a_command_or_question_has_an_upper_bound(asked: type) -> None:
    assert [*unbounded(TypeAdapter(asked).json_schema(), "")] == []


def test_a_gate_cannot_require_more_tasks_than_a_phase_can_have() -> None:
    create = TypeAdapter(CreateContract)
    for count in (MAX_REQUIRED_TASKS + 1, 2**64):
        with pytest.raises(ValidationError, match="min_complete of phase plan is above"):
            create.validate_python(
                {
                    "name": "x",
                    "owner_id": "ada",
                    "phases": [Phase("plan", (), Gate(None, MinComplete(count)))],
                }
            )
