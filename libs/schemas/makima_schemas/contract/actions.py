"""The actions of the API that move a contract from status to status: which are new to old clients, and which
lead back to `active`.
"""

from collections.abc import Mapping
from typing import Final

from makima_schemas.contract.model import ContractStatus

# Statuses that old clients do not know, and the actions that lead into one of them or out of it.
ENHANCED_STATUSES: Final = frozenset({ContractStatus.PAUSED, ContractStatus.BLOCKED, ContractStatus.FAILED})
ENHANCED_ACTIONS: Final = frozenset({"pause", "resume", "block", "unblock", "fail"})

# The action that leads to `active`, by the status that it leads from; from every other status it is `start`,
# or none.
ACTION_TO_ACTIVE: Final[Mapping[ContractStatus, str]] = {
    ContractStatus.PAUSED: "resume",
    ContractStatus.BLOCKED: "unblock",
    ContractStatus.COMPLETED: "reopen",
    ContractStatus.FAILED: "reopen",
}
