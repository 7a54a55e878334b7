"""The rule of restarts: how often a crashed agent is restarted, and after which delay. Pure."""

from dataclasses import dataclass
from typing import Final

# Seconds before each restart in a row (issue: up to 3 attempts, with growing delay). The first is short: most
# crashes are accidental. All of them fit into the 60 s after which an agent counts as not restarted.
DELAYS_SECONDS: Final = (0.5, 4.0, 16.0)
HEALTHY_SECONDS: Final = 600.0  # a process that ran for this long was healthy: the count starts anew


@dataclass(frozen=True, slots=True)
class Restart:
    """Start it again after `delay` seconds; it is restart number `attempt` in a row, from 1."""

    attempt: int
    delay: float
    of: int  # so many are tried


@dataclass(frozen=True, slots=True)
class Exhausted:
    """Every attempt has failed: only a person restarts it."""

    attempts: int


@dataclass(frozen=True, slots=True)
class RestartPolicy:
    delays: tuple[float, ...] = DELAYS_SECONDS
    healthy: float = HEALTHY_SECONDS

    def after_crash(self, attempts: int, ran: float) -> Restart | Exhausted:
        """What follows a crash. `attempts` restarts in a row came before it; the process ran for `ran` seconds."""
        before = 0 if ran >= self.healthy else attempts
        if before >= len(self.delays):
            return Exhausted(before)
        return Restart(before + 1, self.delays[before], len(self.delays))
