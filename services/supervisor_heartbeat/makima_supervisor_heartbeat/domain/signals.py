"""What daemons are to be told about the senders that they run, after heartbeats that are not in force."""

from typing import Final, Literal

import msgspec

from makima_supervisor_heartbeat.domain.heartbeats import Beat

TOLD_EVERY_SECONDS: Final = 10.0  # one sender is told again after that, if it goes on
# Senders that are remembered as told, and that wait to be told; beyond it the memory is cleared, and further
# ones wait for their next heartbeat.
MAX_TOLD: Final = 10_000

SignalKind = Literal["superseded", "rejoin_required"]


class Signal(msgspec.Struct, frozen=True, gc=False):
    """To the daemon that sent the heartbeat.

    `superseded`: what it runs there is not in force any more. `rejoin_required`: its agent has to join again,
    under the same connection id.
    """

    kind: SignalKind
    daemon_id: str
    contract_id: str
    role: str | None  # of an agent
    task_id: str | None  # of a supervisor
    connection_id: str | None


class Signals:
    """Collects them; the caller takes them after the batch is committed."""

    def __init__(self) -> None:
        self._due: dict[tuple[str, str, str | None], Signal] = {}
        self._told_ns: dict[tuple[str, str, str | None], int] = {}

    def notify(self, kind: SignalKind, beat: Beat) -> None:
        """Have the sender told, unless it was told just now. Without a daemon there is nobody to tell it."""
        address, contract_id = beat.address, beat.contract_id
        if address.daemon_id is None or contract_id is None:
            return
        key = (address.daemon_id, address.sender, beat.connection_id)
        told_ns = self._told_ns.get(key)
        if told_ns is not None and 0 <= beat.received_ns - told_ns < TOLD_EVERY_SECONDS * 1e9:
            return
        if len(self._due) >= MAX_TOLD:
            return
        if len(self._told_ns) >= MAX_TOLD:
            self._told_ns.clear()
        self._told_ns[key] = beat.received_ns
        task_id = address.entity_id if address.kind == "supervisor" else None
        self._due[key] = Signal(
            kind, address.daemon_id, contract_id, address.role, task_id, beat.connection_id
        )

    def take(self) -> list[Signal]:
        """Those due since the last call."""
        due, self._due = self._due, {}
        return list(due.values())
