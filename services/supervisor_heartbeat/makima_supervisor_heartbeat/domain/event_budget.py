"""Limits the events that a sender's heartbeats cause: the log never grows at the rate of heartbeats.

A sender's own changes (state, incarnation, daemon, hostname) cost one each. What a person must see at once
costs nothing: the registration of a sender, and its return after a verdict, which is as rare as verdicts. What
is withheld is not lost: the history has it, and the newest state is recorded as soon as a heartbeat that still
tells it finds the budget refilled.
"""

from typing import Final

import msgspec

BURST: Final = 20  # changes that are recorded at once, after a quiet time
REFILL_SECONDS: Final = 60.0  # one more change each, at twice the default interval of heartbeats
# Changes kept back for the end of a supervisor: it may say so once and then be silent, and an end that is not
# recorded would become a verdict of silence.
RESERVED: Final = 4
_REFILL_NS: Final = int(REFILL_SECONDS * 1e9)


class EventBudget(msgspec.Struct, gc=False):
    """The budget of one sender. Its clock is the broker's, as heartbeats bring it."""

    left: int = BURST
    # When `left` was last computed, Unix ns; the rest of a refill that has begun counts from then.
    since_ns: int = 0

    def spend(self, now_ns: int, *, ends: bool) -> bool:
        """Takes one change from the budget; False if there is none. `ends`: it may take a reserved one."""
        refills = (now_ns - self.since_ns) // _REFILL_NS
        if refills > 0:
            full = self.left + refills >= BURST
            self.left = BURST if full else self.left + refills
            self.since_ns = now_ns if full else self.since_ns + refills * _REFILL_NS
        if self.left <= (0 if ends else RESERVED):
            return False
        self.left -= 1
        return True
