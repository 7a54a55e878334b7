"""In which contracts agents and supervisors are restarted (agents.md, Quiet times, maintenance): in a paused one, none is."""

from makima_schemas.agent import AgentStatus
from makima_schemas.contract.model import NOT_RESTARTED_STATUSES
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_supervisor_heartbeat.domain.agents.statuses import LIFECYCLE, RESTARTING


def restart_refusal(contract: str | None, status: str | None) -> Refused | None:
    """The `INVALID_TRANSITION` for a restart in a contract of this status (None: it is not known); None: it may be.

    `status` is that of the agent or supervisor; of one that nobody knows (None), its decider says so.
    """
    if status is None or contract not in NOT_RESTARTED_STATUSES:
        return None
    others = LIFECYCLE.targets(status) if isinstance(status, AgentStatus) else ()
    return Refused(
        ErrorCode.INVALID_TRANSITION,
        f"the contract is {contract}: nobody is restarted in it",
        hint="resume the contract first, then restart",
        **{
            "from": str(status),
            "to": str(RESTARTING),
            "allowed": [str(each) for each in others if each is not RESTARTING],
        },
    )
