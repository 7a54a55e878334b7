"""Supervisors' heartbeats that change nothing because of who sends them, and who is to be told of it."""

from typing import Final

import msgspec

from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender import Sender

TOLD_EVERY_SECONDS: Final = 10.0  # one sender is told again after that, if it goes on
# Senders that are remembered as told, and that wait to be told; beyond it the memory is cleared, and further
# ones wait for their next heartbeat.
MAX_TOLD: Final = 10_000


class Superseded(msgspec.Struct, frozen=True, gc=False):
    """A signal to the daemon that sent the heartbeat: what it runs there is not in force any more."""

    daemon_id: str
    contract_id: str
    task_id: str
    connection_id: str | None


class ForeignHeartbeats:
    """Counts them, and collects what is to be told; the caller takes it after the batch is committed."""

    def __init__(self) -> None:
        self._count = 0
        self._contested: dict[str, Sender] = {}  # supervisors for which another daemon spoke, by stream
        self._due: dict[tuple[str, str, str | None], Superseded] = {}
        self._told_ns: dict[tuple[str, str, str | None], int] = {}

    def note(self, beat: Beat, daemon_id: str, holder: Sender | None) -> None:
        """A heartbeat of a daemon that does not run the contract. `holder` is the supervisor that does."""
        self._count += 1
        if holder is not None:
            holder.note_foreign(beat.received_ns, daemon_id)
            self._contested[holder.stream] = holder
        self.supersede(beat)

    def supersede(self, beat: Beat) -> None:
        """Have the sender told that it is not in force, unless it was told just now."""
        daemon_id, contract_id = beat.address.daemon_id, beat.contract_id
        if daemon_id is None or contract_id is None:
            return
        key = (daemon_id, beat.address.entity_id, beat.connection_id)
        told_ns = self._told_ns.get(key)
        if told_ns is not None and 0 <= beat.received_ns - told_ns < TOLD_EVERY_SECONDS * 1e9:
            return
        if len(self._due) >= MAX_TOLD:
            return
        if len(self._told_ns) >= MAX_TOLD:
            self._told_ns.clear()
        self._told_ns[key] = beat.received_ns
        self._due[key] = Superseded(daemon_id, contract_id, beat.address.entity_id, beat.connection_id)

    def take_count(self) -> int:
        """How many foreign heartbeats came since the last call."""
        count, self._count = self._count, 0
        return count

    def take_contested(self) -> list[Sender]:
        """The supervisors for which another daemon spoke since the last call."""
        contested, self._contested = self._contested, {}
        return list(contested.values())

    def take_superseded(self) -> list[Superseded]:
        """Who is to be told since the last call."""
        due, self._due = self._due, {}
        return list(due.values())
