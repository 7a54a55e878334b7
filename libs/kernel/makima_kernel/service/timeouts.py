"""Refuses timeouts that a healthy fleet cannot keep."""

from typing import Final, Self, cast

from pydantic import BaseModel, model_validator

# A timeout is at least this many heartbeat intervals: one heartbeat may be late by half an interval.
LEAST_INTERVALS: Final = 1.5
TIMEOUTS: Final = ("heartbeat_timeout_seconds", "agent_timeout_seconds")


class KeepableTimeouts(BaseModel):
    """Base of settings with a heartbeat interval and timeouts of senders, all in seconds.

    With a shorter timeout, whoever sends a heartbeat per interval would be called dead between two of them, or the
    whole fleet would look like a mass of silence for ever.
    """

    @model_validator(mode="after")
    def _keepable(self) -> Self:
        interval = cast("float", getattr(self, "heartbeat_interval_seconds", 0.0))
        for name in TIMEOUTS:
            timeout = cast("float", getattr(self, name, 0.0))
            if timeout < LEAST_INTERVALS * interval:
                least = f"with a heartbeat each {interval:g} s it is at least {LEAST_INTERVALS * interval:g}"
                raise ValueError(f"{name} is {timeout:g}; {least}")
        return self
