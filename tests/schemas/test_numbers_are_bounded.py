"""Every number that somebody may send has an upper bound: SQL, clocks and memory have one, too."""

from collections.abc import Iterator
from typing import cast, get_args

import pytest
from makima_schemas import questions
from makima_schemas.commands import Request
from makima_schemas.contract.commands import ContractCommand, CreateContract
from makima_schemas.contract.model import MAX_REQUIRED_TASKS, Gate, MinComplete, Phase
from makima_schemas.supervisor import RestartSupervisor
from pydantic import TypeAdapter, ValidationError

Json = dict[str, object]
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
# Stands in events, too, whose history must open: bounded by `NewPhases` instead.
BY_VALIDATOR = {"MinComplete"}


def unbounded(schema: object, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for at, each in enumerate(cast("list[object]", schema)):
            yield from unbounded(each, f"{path}/{at}")
    if not isinstance(schema, dict):
        return
    said = cast("Json", schema)
    bounds = {"maximum", "exclusiveMaximum", "const", "enum"}
    if said.get("type") in {"integer", "number"} and not bounds & said.keys():
        yield path
    for name, each in said.items():
        if name not in BY_VALIDATOR:
            yield from unbounded(each, f"{path}/{name}")


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
