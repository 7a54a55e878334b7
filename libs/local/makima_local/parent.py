"""Makes a child process end with its parent, even if the parent is killed and cannot signal it."""

import ctypes
import os
import signal
import sys
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def dies_with_parent(how: signal.Signals | None = None) -> Callable[[], None] | None:
    """The function that the child must run between fork and exec (`preexec_fn`);
    None on systems other than Linux.

    The operating system sends the signal `how` (SIGKILL unless told otherwise) when the *thread* that forked ends,
    so start such children from the main thread.
    """
    if sys.platform != "linux":
        return None
    sent = signal.SIGKILL if how is None else how
    # Resolved before the fork, because the child should do as little as possible.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, int(sent), 0, 0, 0)
        if os.getppid() != parent:  # the parent ended before prctl was called
            os._exit(1)

    return tie
