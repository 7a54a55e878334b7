"""A child that ends with its parent, also when the parent is killed without a chance to say so."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(how: signal.Signals = signal.SIGKILL) -> Callable[[], None] | None:
    """What a child must run between fork and exec (`preexec_fn`); None where the system has no such thing (anything but Linux).

    The kernel sends the signal when the *thread* that forked ends: start such children from the main thread.
    """
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl  # looked up before the fork: the child should do as little as possible
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(how), 0, 0, 0)
        if os.getppid() != parent:  # it died in between
            os._exit(1)

    return tie
