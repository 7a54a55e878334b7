"""The groups of statuses are apart where they should be, and what the API's actions say of statuses is true
of them.
"""

from makima_schemas.contract.actions import ACTION_TO_ACTIVE, ENHANCED_ACTIONS, ENHANCED_STATUSES
from makima_schemas.contract.events import DeliverableCompleted, PhaseGuardSet
from makima_schemas.contract.model import (
    ACTIVE_STATUSES,
    FINISHED_STATUSES,
    RUNNING_STATUSES,
    TERMINAL_STATUSES,
    ContractStatus,
)
from makima_schemas.contract.status_effects import counts_as_activity


def test_a_contract_is_active_or_over_or_waits_for_somebody() -> None:
    waits = {ContractStatus.CREATED, ContractStatus.PAUSED, ContractStatus.BLOCKED}
    assert {*ACTIVE_STATUSES, *TERMINAL_STATUSES} | waits == set(ContractStatus)
    assert not {*ACTIVE_STATUSES} & {*TERMINAL_STATUSES}


def test_completing_is_active_but_nobody_works_and_archived_is_over_but_stays() -> None:
    assert set(ACTIVE_STATUSES) - set(RUNNING_STATUSES) == {ContractStatus.COMPLETING}
    assert set(TERMINAL_STATUSES) - set(FINISHED_STATUSES) == {ContractStatus.ARCHIVED}


def test_what_leads_out_of_a_new_status_is_new_to_old_clients_too() -> None:
    out = {action for status, action in ACTION_TO_ACTIVE.items() if status in ENHANCED_STATUSES}
    assert out - ENHANCED_ACTIONS == {"reopen"}  # out of completed as well, which they know


def test_before_the_first_activity_every_event_counts_as_one() -> None:
    assert counts_as_activity(PhaseGuardSet(enabled=True), ever_active=False)
    assert not counts_as_activity(PhaseGuardSet(enabled=True), ever_active=True)
    assert counts_as_activity(DeliverableCompleted("plan", "notes"), ever_active=True)
