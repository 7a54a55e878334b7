"""Which connection of a supervisor is in force, and what another one is told."""

from typing import Final

from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused

from makima_supervisor_heartbeat.domain.supervisor_state import Supervisor

TRY_AGAIN: Final = "nothing was changed; send it again after the supervisor's next heartbeat"


def speaks(supervisor: Supervisor, contract_id: str, connection_id: str | None) -> bool:
    """True if a heartbeat of this connection counts: the connection is not superseded, and the contract is
    the supervisor's.

    A connection id never seen before is taken for a newer incarnation, unless one was handed out: by a restoration,
    until the next one. A sender without connection id is not fenced at all (domain.md, Supervisor).
    """
    if connection_id in supervisor.superseded or supervisor.contract_id not in ("", contract_id):
        return False
    restoring = supervisor.restoring
    if connection_id is None or (restoring is None and not supervisor.handed_out):
        return True
    handed_out = None if restoring is None else restoring.connection_id
    return connection_id in (supervisor.connection_id, handed_out)


def is_handed_out(supervisor: Supervisor, connection_id: str | None) -> bool:
    """True if a restoration that is not proved handed out this connection."""
    restoring = supervisor.restoring
    return restoring is not None and restoring.connection_id == connection_id


def not_found() -> Refused:
    return Refused(
        ErrorCode.SUPERVISOR_NOT_FOUND,
        "the contract has no such supervisor that ever sent a heartbeat",
        hint="send a heartbeat first",
    )


def superseded(connection_id: str) -> Refused:
    return Refused(
        ErrorCode.SUPERSEDED,
        f"connection {connection_id} is not in force: a newer one of this supervisor is",
        hint="end this process; a new one is restored with a new connection id",
    )
