"""Refuses timeouts that a healthy fleet cannot keep."""

from typing import Final, Self, cast

from pydantic import BaseModel, model_validator

# Within a timeout a live sender is due so often, beside the time in which it may have to connect again: below that, one
# dead machine among many looks like an outage of ours (agents.md, Heartbeats).
LEAST_INTERVALS: Final = 2
TIMEOUTS: Final = ("heartbeat_timeout_seconds", "agent_timeout_seconds")


class KeepableTimeouts(BaseModel):
    """Base of settings with a heartbeat interval, a reconnect grace and timeouts of senders, all in seconds.

    With a timeout shorter than two intervals and the reconnect grace, whoever sends a heartbeat per interval would be
    called dead between two of them, or the whole fleet would look like a mass of silence.
    """

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        interval = self._seconds("heartbeat_interval_seconds")
        grace = self._seconds("reconnect_grace_seconds")
        least = LEAST_INTERVALS * interval + grace
        for name in TIMEOUTS:
            timeout = self._seconds(name)
            if timeout < least:
                because = f"with a heartbeat each {interval:g} s and a reconnect grace of {grace:g} s"
                raise ValueError(f"{name} is {timeout:g}; {because} it is at least {least:g}")
        return self

    def _seconds(self, name: str) -> float:
        return cast("float", getattr(self, name, 0.0))
