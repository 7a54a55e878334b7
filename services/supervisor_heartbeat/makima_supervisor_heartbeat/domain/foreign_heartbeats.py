"""Supervisors' heartbeats that change nothing because of who sends them."""

from makima_supervisor_heartbeat.domain.heartbeats import Beat
from makima_supervisor_heartbeat.domain.sender import Sender
from makima_supervisor_heartbeat.domain.signals import Signals


class ForeignHeartbeats:
    """Counts them, and has their senders told."""

    def __init__(self, signals: Signals) -> None:
        self._signals = signals
        self._count = 0
        self._contested: dict[str, Sender] = {}  # supervisors for which another daemon spoke, by stream

    def note(self, beat: Beat, daemon_id: str, holder: Sender | None) -> None:
        """A heartbeat of a daemon that does not run the contract. `holder` is the supervisor that does."""
        self._count += 1
        if holder is not None:
            holder.note_foreign(beat.received_ns, daemon_id)
            self._contested[holder.stream] = holder
        self._signals.notify("superseded", beat)

    def take_count(self) -> int:
        """How many foreign heartbeats came since the last call."""
        count, self._count = self._count, 0
        return count

    def take_contested(self) -> list[Sender]:
        """The supervisors for which another daemon spoke since the last call."""
        contested, self._contested = self._contested, {}
        return list(contested.values())
