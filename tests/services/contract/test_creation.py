"""How a contract begins: its type's phases, or its own."""

import pytest
from makima_contract.domain.decider import ContractDecider
from makima_kernel.testing import scenario
from makima_schemas.contract.commands import CreateContract
from makima_schemas.contract.contract_types import contract_types
from makima_schemas.contract.events import ContractCreated
from makima_schemas.contract.model import Deliverable, Gate, Phase
from makima_schemas.errors import ErrorCode

from tests.services.contract.contract_states import PLAN, REVIEW, given

NOTES = Deliverable("notes", "Notes")


@pytest.mark.parametrize("contract_type", ["simple", "specification", "execute"])
def test_a_contract_takes_the_phases_of_its_type(contract_type: str) -> None:
    phases = contract_types()[contract_type]
    given().when(CreateContract("demo", "ada", contract_type)).then(
        ContractCreated(
            "demo", "", contract_type, "ada", phases, phase_guard=False, auto_complete_enabled=True
        )
    )


def test_phases_of_its_own_replace_those_of_the_type() -> None:
    made = given().when(CreateContract("demo", "ada", "whatever", phases=(PLAN, REVIEW)))
    assert made.after.phases == (PLAN, REVIEW)
    assert made.after.phase is PLAN


def test_an_unknown_type_is_refused_and_the_known_ones_are_named() -> None:
    refused = given().when(CreateContract("demo", "ada", "simpel")).then_refused(ErrorCode.INVALID_REQUEST)
    assert "simple, specification, execute" in refused.detail


@pytest.mark.parametrize(
    ("phases", "path"),
    [
        ((), "phases"),
        ((PLAN, PLAN), "phases"),
        ((PLAN, Phase("draft", (NOTES, NOTES))), "phases.1.deliverables"),
        (
            (Phase("draft", (NOTES,), Gate(required_deliverables=("essay",))),),
            "phases.0.gate.required_deliverables",
        ),
    ],
)
def test_phases_that_cannot_be_meant_are_refused_where_they_are_wrong(
    phases: tuple[Phase, ...], path: str
) -> None:
    refused = (
        given().when(CreateContract("demo", "ada", phases=phases)).then_refused(ErrorCode.INVALID_REQUEST)
    )
    errors = refused.members["errors"]
    assert isinstance(errors, list)
    assert isinstance(errors[0], dict)
    assert errors[0]["path"] == path


@pytest.mark.parametrize(
    ("said", "default", "holds"),
    [(None, True, True), (None, False, False), (True, False, True), (False, True, False)],
)
def test_auto_complete_is_what_the_command_says_else_the_configured_default(
    said: bool | None, default: bool, holds: bool
) -> None:
    made = scenario(ContractDecider(auto_complete_enabled=default))().when(
        CreateContract("demo", "ada", auto_complete_enabled=said)
    )
    assert made.after.auto_complete_enabled is holds
