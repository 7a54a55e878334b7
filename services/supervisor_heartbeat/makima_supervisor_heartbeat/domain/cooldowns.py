"""Which daemons are not to be asked again just now. Pure."""

from dataclasses import dataclass, field
from typing import Final

# A daemon that refused a contract, or did not answer for any, is passed over for so long.
COOLDOWN_SECONDS: Final = 10.0


@dataclass(slots=True)
class Cooldowns:
    """Who refused a contract, and who did not answer, whatever it was asked for. Times of a monotonic clock, seconds."""

    refused: dict[str, dict[str, float]] = field(
        default_factory=dict[str, dict[str, float]]
    )  # by contract and daemon
    unanswered: dict[str, float] = field(default_factory=dict[str, float])  # by daemon: until

    def note(self, contract_id: str, daemon_id: str, now: float, *, answered: bool) -> None:
        """The daemon did not accept the contract."""
        until = now + COOLDOWN_SECONDS
        self.refused.setdefault(contract_id, {})[daemon_id] = until
        if not answered:
            self.unanswered[daemon_id] = until

    def of(self, contract_id: str, now: float) -> set[str]:
        """The daemons that are passed over for this contract."""
        return {*_left(self.unanswered, now), *_left(self.refused.get(contract_id, {}), now)}

    def prune(self, now: float) -> None:
        self.unanswered = _left(self.unanswered, now)
        left = {contract: _left(daemons, now) for contract, daemons in self.refused.items()}
        self.refused = {contract: daemons for contract, daemons in left.items() if daemons}


def _left(until: dict[str, float], now: float) -> dict[str, float]:
    return {daemon: at for daemon, at in until.items() if at > now}
