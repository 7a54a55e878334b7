"""What an agent's decider refuses, and how it says so."""

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE


def refuse_reserved(role: str) -> None:
    """Raises `Refused(INVALID_REQUEST)` for the role of supervisors."""
    if role == SUPERVISOR_ROLE:
        raise Refused(
            ErrorCode.INVALID_REQUEST,
            f"the role {SUPERVISOR_ROLE} is reserved: its record follows the supervisor's heartbeats",
            hint="beat as a supervisor",
        )


def no_daemon(daemon_id: str | None) -> Refused:
    """To a restart that no daemon can do; None: none runs the agent."""
    daemon = f"daemon {daemon_id}, which runs the agent, is disconnected"
    return Refused(
        ErrorCode.UNAVAILABLE,
        "no daemon runs the agent or its contract" if daemon_id is None else daemon,
        hint="nothing was changed; start the daemon, then try again",
    )


def superseded(connection_id: str) -> Refused:
    return Refused(
        ErrorCode.SUPERSEDED,
        f"connection {connection_id} is not in force: another one joined under this role",
        hint="end this process; a new process joins with a new connection id",
    )


def not_found(role: str) -> Refused:
    named = f" as {role}" if role else ""
    return Refused(
        ErrorCode.PARTICIPANT_NOT_FOUND, f"no agent ever joined the contract{named}", hint="join first"
    )
