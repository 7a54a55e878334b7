"""How long a process may go on acting for an agent: a pure rule over what makima acknowledged last."""

from dataclasses import dataclass
from typing import Final

from makima_sdk.agents import SenderAnswer

# Until an answer tells the times in force: those of a system that nobody configured (agents.md, Heartbeats).
FIRST_INTERVAL_SECONDS: Final = 30.0
FIRST_TIMEOUT_SECONDS: Final = 90.0
# As makima does by default: a longer quiet time counts as this one. `quiet_max_seconds` may be set, and is not told.
MAX_QUIET_SECONDS: Final = 4 * 3600.0


@dataclass(slots=True)
class Lease:
    """What one connection was told. All moments are those of `clock.elapsed`, in seconds.

    It runs from the moment at which an acknowledged request was *sent*: makima counts from its arrival, which is
    later, so this process does not believe itself in force for longer than makima does; except in a quiet time that
    is longer than the `quiet_max_seconds` of a makima where that is set below 4 h.
    """

    interval_seconds: float = FIRST_INTERVAL_SECONDS
    timeout_seconds: float = FIRST_TIMEOUT_SECONDS
    acknowledged_at: float = 0.0
    quiet_seconds: float = 0.0  # announced in the acknowledged request, counted from then

    def acknowledge(self, sent_at: float, answer: SenderAnswer, quiet_seconds: float = 0.0) -> None:
        """A request that was sent at `sent_at` counted; answers that arrive in another order change nothing."""
        if sent_at < self.acknowledged_at:
            return
        self.interval_seconds = answer.interval_seconds
        self.timeout_seconds = answer.timeout_seconds
        self.acknowledged_at = sent_at
        self.quiet_seconds = min(max(quiet_seconds, 0.0), MAX_QUIET_SECONDS)

    @property
    def expires_at(self) -> float:
        return self.acknowledged_at + max(self.timeout_seconds, self.quiet_seconds)
