"""In which contracts agents and supervisors are restarted (agents.md, Quiet times, maintenance): in a paused one, none is."""

from collections.abc import Iterable
from typing import Final

from makima_schemas.contract.model import ContractStatus
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

# They are judged alive or dead there, as everywhere; daemons restart nothing of them by themselves either.
NOT_RESTARTED_IN: Final = frozenset({ContractStatus.PAUSED})
RESTARTING: Final = "restarting"


def refuse_restart(contract: ContractStatus | None, status: str, allowed: Iterable[str] = ()) -> None:
    """Raises `Refused(INVALID_TRANSITION)` if nobody is restarted in a contract of this status (None: it is not known).

    `status` is that of the agent or supervisor, `allowed` where else it may go.
    """
    if contract in NOT_RESTARTED_IN:
        raise Refused(
            ErrorCode.INVALID_TRANSITION,
            f"the contract is {contract}: nobody is restarted in it",
            hint="resume the contract first, then restart",
            **{"from": status, "to": RESTARTING, "allowed": [each for each in allowed if each != RESTARTING]},
        )
