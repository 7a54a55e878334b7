"""What the recorder knows of contracts: who owns one, and which daemon's heartbeats count for it."""

from typing import Final

import msgspec
from makima_schemas.assignment import Admission, serves

MAX_DAEMONS: Final = 8  # daemons of a contract whose supervisor is remembered; more take turns


class Assigned(msgspec.Struct, gc=False):
    """A contract that exists."""

    owner_id: str
    # The daemon that it is assigned to, or whose supervisor was heard first; None: none was.
    daemon_id: str | None = None


class Contract(msgspec.Struct):
    """A contract with the supervisors that the log knows of it."""

    assigned: Assigned
    # By daemon: the stream of the supervisor that it ran last.
    supervisors: dict[str, str] = msgspec.field(default_factory=dict[str, str])
    # The daemon whose heartbeats did not count last, and when one came (Unix ns).
    rival: tuple[str, int] | None = None


def heard(assigned: Assigned, daemon_id: str, admission: Admission | None) -> None:
    """Gives a contract that nobody has to the daemon whose supervisor was heard, if it serves the owner."""
    if assigned.daemon_id is None and serves(admission, assigned.owner_id):
        assigned.daemon_id = daemon_id


class Contracts:
    """The contracts of the log, by id; a supervisor's heartbeat is held against its own."""

    def __init__(self) -> None:
        self._contracts: dict[str, Contract] = {}

    def get(self, contract_id: str | None) -> Contract | None:
        return None if contract_id is None else self._contracts.get(contract_id)

    def create(self, contract_id: str, assigned: Assigned) -> None:
        self._contracts[contract_id] = Contract(assigned)

    def delete(self, contract_id: str) -> None:
        self._contracts.pop(contract_id, None)

    def clear(self) -> None:
        self._contracts.clear()

    def supervised(self, contract_id: str, daemon_id: str, stream: str, admission: Admission | None) -> None:
        """Notes a supervisor that the log tells of."""
        contract = self._contracts.get(contract_id)
        if contract is None:
            return
        heard(contract.assigned, daemon_id, admission)
        if daemon_id not in contract.supervisors and len(contract.supervisors) >= MAX_DAEMONS:
            contract.supervisors.pop(
                next(each for each in contract.supervisors if each != contract.assigned.daemon_id)
            )
        contract.supervisors[daemon_id] = stream
