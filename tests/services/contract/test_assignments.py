"""To whom a contract goes, by who has it and why it is given (agents.md, Assignment)."""

import pytest
from makima_schemas.contract import commands as c
from makima_schemas.contract import events as e

from tests.services.contract.contract_states import given, opened

HEARD = e.ContractAssigned("d1", "first_heard")
PLACED = e.ContractAssigned("d1", "placed", "x1", "t1")
NOBODY: tuple[e.ContractAssigned, ...] = ()


@pytest.mark.parametrize(
    ("had", "command", "goes"),
    [
        (NOBODY, c.AssignContract("d1", "first_heard"), HEARD),
        (NOBODY, c.AssignContract("d1", "placed", "x1", "t1"), PLACED),
        ((HEARD,), c.AssignContract("d2", "first_heard"), None),
        ((HEARD,), c.AssignContract("d2", "placed", "x2", "t1"), None),
        # Its supervisor was heard before the placement was recorded: what was heard is in force.
        ((HEARD,), c.AssignContract("d1", "placed", "x1", "t1"), None),
        ((PLACED,), c.AssignContract("d1", "placed", "x1", "t1"), None),
        ((PLACED,), c.AssignContract("d1", "first_heard"), None),
        # Placed again after it was reopened.
        ((PLACED,), c.AssignContract("d1", "placed", "x2", "t1"), e.ContractAssigned("d1", "placed", "x2", "t1")),
        ((PLACED,), c.AssignContract("d2", "placed", "x2", "t1", replaces="d1"), e.ContractAssigned("d2", "placed", "x2", "t1")),
        ((PLACED,), c.AssignContract("d2", "placed", "x2", "t1", replaces="d3"), None),
        ((HEARD,), c.AssignContract("d2", "taken_over"), e.ContractAssigned("d2", "taken_over")),
        ((HEARD,), c.AssignContract("d2", "restored", "x2", "t1"), e.ContractAssigned("d2", "restored", "x2", "t1")),
        # The same daemon, and a new process of the supervisor.
        ((PLACED,), c.AssignContract("d1", "restored", "x2", "t1"), e.ContractAssigned("d1", "restored", "x2", "t1")),
        ((PLACED,), c.AssignContract("d1", "restored", "x1", "t1"), None),
    ],
)  # fmt: skip
def test_a_contract_is_given_by_who_has_it(
    had: tuple[e.ContractAssigned, ...], command: c.AssignContract, goes: e.ContractAssigned | None
) -> None:
    given(opened(), *had).when(command).then(*([] if goes is None else [goes]))
