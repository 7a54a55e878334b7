"""Which status a contract has after an event, and which events count as activity,
for all readers of contract events.

The contract's lifecycle table decides which commands are allowed; this module is for code that only reads the
events. A test of the contract service checks that the two agree.
"""

from collections.abc import Mapping
from typing import Final

from makima_schemas.contract import events as e
from makima_schemas.contract.model import ContractStatus

LEADS_TO: Final[Mapping[type, ContractStatus]] = {
    e.ContractCreated: ContractStatus.CREATED,
    e.ContractStarted: ContractStatus.ACTIVE,
    e.ContractPaused: ContractStatus.PAUSED,
    e.InputAwaited: ContractStatus.WAITING_FOR_INPUT,
    e.InputReceived: ContractStatus.ACTIVE,
    e.ContractBlocked: ContractStatus.BLOCKED,
    e.CompletionStarted: ContractStatus.COMPLETING,
    e.ContractCompleted: ContractStatus.COMPLETED,
    e.ContractFailed: ContractStatus.FAILED,
    e.ContractArchived: ContractStatus.ARCHIVED,
}
SAYS_WHERE_TO: Final = (e.ContractResumed, e.ContractUnblocked, e.CompletionAborted, e.ContractReopened)
# The events that count as activity (domain.md, Activity). Heartbeats count too, but are not events.
ACTIVITY: Final[frozenset[type]] = frozenset(
    {
        e.PhaseChanged,
        e.DeliverableCompleted,
        e.TaskCreated,
        e.TaskStarted,
        e.TaskCompleted,
        e.TaskFailed,
        e.MessageSent,
        e.QuestionAsked,
        e.QuestionAnswered,
    }
)


def counts_as_activity(event: object, *, ever_active: bool) -> bool:
    """Before a contract's first activity (`ever_active`), each of its events counts as one.

    Plan 1.5: else the clock of a contract from before activity was recorded would start at its creation.
    """
    return type(event) in ACTIVITY or not ever_active


def destination(event: object) -> ContractStatus | None:
    """The status after `event`, fixed by its class or recorded in it.

    None: the status does not change, nor what the contract waits for.
    """
    if isinstance(event, SAYS_WHERE_TO):
        return event.to
    return LEADS_TO.get(type(event))
