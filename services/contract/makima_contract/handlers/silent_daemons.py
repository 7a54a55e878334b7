"""How long to wait for a daemon's answer: one that has just been silent delays nobody a second time."""

from typing import Final

# Only to receive an immediate refusal; the start itself may take longer.
REPLY_TIMEOUT_SECONDS: Final = 2.0
SILENT_REPLY_TIMEOUT_SECONDS: Final = 0.05  # of one that did not answer just before
REMEMBERED_SECONDS: Final = 10.0


class SilentDaemons:
    """Those that did not answer within `REPLY_TIMEOUT_SECONDS`, for `REMEMBERED_SECONDS`. All times are of one monotonic
    clock, in seconds.
    """

    def __init__(self) -> None:
        self._until: dict[str, float] = {}  # by daemon

    def __len__(self) -> int:
        return len(self._until)

    def timeout(self, daemon_id: str, now: float) -> float:
        """How many seconds to wait for its answer."""
        silent = self._until.get(daemon_id, now) > now
        return SILENT_REPLY_TIMEOUT_SECONDS if silent else REPLY_TIMEOUT_SECONDS

    def was_silent(self, daemon_id: str, now: float) -> None:
        """It did not answer in time. Whoever is remembered already is for no longer: it gets its full time again."""
        self._until = {each: until for each, until in self._until.items() if until > now}
        self._until.setdefault(daemon_id, now + REMEMBERED_SECONDS)

    def has_answered(self, daemon_id: str) -> None:
        self._until.pop(daemon_id, None)
