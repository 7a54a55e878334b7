"""The contract types: those of domain.md, and the user's beside them."""

from pathlib import Path

import pytest
from makima_schemas.contract.contract_types import BadContractTypesError, contract_types
from makima_schemas.contract.model import Deliverable, Gate, MinComplete, Phase


def test_the_built_in_types_are_those_of_the_page() -> None:
    names = {
        name: [(phase.name, *(each.id for each in phase.deliverables)) for phase in phases]
        for name, phases in contract_types().items()
    }
    assert names == {
        "simple": [("plan", "plan-document"), ("execute", "pull-request")],
        "specification": [
            ("research", "research-notes"),
            ("specify", "requirements-document"),
            ("plan", "plan-document"),
            ("execute", "pull-request"),
            ("review", "release-notes"),
        ],
        "execute": [("execute", "pull-request")],
    }
    assert all(phase.gate == Gate() for phases in contract_types().values() for phase in phases)


def test_a_file_of_ones_own_adds_types_and_replaces_phases(tmp_path: Path) -> None:
    own = tmp_path / "types.toml"
    own.write_text(
        """
        [types]
        essay = ["draft", "review"]
        [phases.draft]
        deliverables = [{ id = "text", name = "Text" }]
        gate = { required_tasks = { min_complete = 2 }, auto_advance = false }
        [phases.review]
        """
    )
    types = contract_types(own)
    draft = Phase(
        "draft", (Deliverable("text", "Text"),), Gate(required_tasks=MinComplete(2), auto_advance=False)
    )
    assert types["essay"] == (draft, Phase("review"))
    assert types["specification"][-1] == Phase("review")
    assert types["simple"] == contract_types()["simple"]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[types]\nessay = ['draft']", "declared"),
        ("[types]\nessay = []", "declared"),
        ("[types]\nessay = ['plan', 'plan']", "each at most once"),
        ("[phases.plan]\ndeliverable = []", "deliverable"),
        ("[phases.plan]\ngate = { required_tasks = 'most' }", "required_tasks"),
        ("[phases.'a phase']", "pattern"),
        ("types = ", "types.toml"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_the_reason(
    tmp_path: Path, text: str, reason: str
) -> None:
    own = tmp_path / "types.toml"
    own.write_text(text)
    with pytest.raises(BadContractTypesError, match=reason):
        contract_types(own)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadContractTypesError, match="No such file"):
        contract_types(tmp_path / "types.toml")
