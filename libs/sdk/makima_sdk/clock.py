"""The clock of leases: seconds that pass also while this machine or this process sleeps."""

import sys
import time


def elapsed() -> float:
    """Seconds since some moment before; never goes back.

    On Linux and macOS `time.monotonic` may stand still while the machine is suspended, and a lease that ran out
    meanwhile would look valid; on Windows it goes on.
    """
    if sys.platform == "linux":
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    if sys.platform == "darwin":
        return time.clock_gettime(time.CLOCK_MONOTONIC)
    return time.monotonic()
