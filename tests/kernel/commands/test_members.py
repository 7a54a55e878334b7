"""A member that nobody knows is named with the one that was meant, at every depth of a request."""

import pytest
from makima_kernel.commands.decoding import decode_command, decode_each
from makima_kernel.commands.members import known_members
from makima_schemas.commands import Problem
from makima_schemas.contract.commands import ClaimTask, CreateContract
from makima_schemas.refusal import Refused

PHASE = {"name": "p", "deliverables": [{"id": "d", "name": "d"}]}


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({"nmae": "x"}, "nmae is no member; did you mean name?"),
        (
            {"phases": [{**PHASE, "gaet": {"auto_advance": True}}]},
            "phases.0.gaet is no member; did you mean gate?",
        ),
        (
            {"phases": [{**PHASE, "gate": {"auto_advnce": True}}]},
            "phases.0.gate.auto_advnce is no member; did you mean auto_advance?",
        ),
        (
            {"phases": [{"name": "p", "deliverables": [{"id": "d", "name": "d", "x": 1}]}]},
            "phases.0.deliverables.0.x is no member; known are id, name",
        ),
    ],
)
def test_at_every_depth(members: dict[str, object], said: str) -> None:
    """A misspelt `gate` made a phase without one."""
    with pytest.raises(Refused) as refused:
        decode_command(
            CreateContract, {"name": "one", "owner_id": "ada", "contract_type": "simple", **members}
        )
    assert said in refused.value.detail


def test_one_of_a_batch_is_refused_alone() -> None:
    good = {
        "command_id": "0d5f5d4e-5f0c-4a39-9a39-3c1d8d3f2a11",
        "target": "c1",
        "data": {"task_id": "t", "role": "r"},
    }
    bad = {**good, "expected_versoin": 1}
    decoded = decode_each(ClaimTask, [good, bad])
    assert [isinstance(one, Problem) for one in decoded] == [False, True]


def test_a_place_that_does_not_exist_has_the_members_around_it() -> None:
    assert known_members(ClaimTask, ["nowhere", 0]) == ["connection_id", "role", "task_id"]
    assert known_members(int, []) == []
