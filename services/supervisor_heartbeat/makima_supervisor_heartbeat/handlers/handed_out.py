"""What a daemon is given with a contract: computed, so that whoever asks the same daemon again hands out the same."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID, uuid5

from makima_supervisor_heartbeat.domain.placement import Wanted

NAMESPACE: Final = UUID("0d6f3f4e-0c53-5f0c-9a6b-5a0b7c1f9e25")  # of the ids that are handed out


@dataclass(frozen=True, slots=True)
class HandedOut:
    """The supervisor's task, and the connection of its process."""

    task_id: str
    connection_id: str


def handed_out(wanted: Wanted, daemon_id: str) -> HandedOut:
    contract = f"{wanted.tenant}/{wanted.contract_id}"
    task_id = wanted.task_id or str(uuid5(NAMESPACE, f"{contract}/supervisor"))
    return HandedOut(task_id, str(uuid5(NAMESPACE, f"{contract}/{wanted.wanted_at}/{daemon_id}")))
