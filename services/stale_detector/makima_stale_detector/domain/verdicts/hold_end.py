"""When the mass-silence hold of an owner ends: heartbeats have resumed, or it took too long."""

from makima_stale_detector.domain.shards.observed_clock import Timeouts
from makima_stale_detector.domain.shards.shards import Shards
from makima_stale_detector.domain.verdicts.expiry_forecast import ExpiryForecast
from makima_stale_detector.domain.verdicts.mass_silence import ClearedBecause, is_mass
from makima_stale_detector.domain.verdicts.sender_group import SenderGroup


def longest(timeouts: Timeouts) -> int:
    """For how long (observed ns) a hold lasts at most."""
    return 2 * timeouts.timeout


class HoldEnd:
    """Measured on the observed clocks."""

    def __init__(self, shards: Shards, forecast: ExpiryForecast, timeouts: Timeouts) -> None:
        self._shards, self._forecast, self._timeouts = shards, forecast, timeouts

    def of(self, owner: SenderGroup) -> ClearedBecause | None:
        """Why the owner's hold ends now; None while it stays.

        `hold_expired` after twice the timeout. `heartbeats_resumed` once the mass rule was not met for one
        heartbeat interval plus one grace: by then every live sender has reconnected (grace) and sent a
        heartbeat (interval), so the remaining suspects are not silent because of an outage on our side.
        """
        if self._shards.passed(owner.held_since) >= longest(self._timeouts):
            return "hold_expired"
        if is_mass(owner.expiring(owner.unexplained())):
            owner.calm_since = None
        elif self._forecast.old:
            calm = not is_mass(self._forecast.expiring(owner))
            owner.calm_since = (owner.calm_since or self._shards.observed()) if calm else None
        calm_for = self._shards.passed(owner.calm_since) if owner.calm_since else 0
        return "heartbeats_resumed" if calm_for >= self._timeouts.interval + self._timeouts.grace else None
