"""A command on a terminal on which somebody has typed."""

import os
import sys
from collections.abc import Mapping


def on_a_terminal(typed: bytes, environ: Mapping[str, str], *arguments: str) -> str:
    """What the command prints; what was typed is among it, as a terminal echoes it."""
    ours, its = os.openpty()
    os.write(ours, typed)
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "makima_cli.main", *arguments],
        {**environ, "NO_COLOR": "1", "TERM": "dumb"},
        file_actions=[
            *((os.POSIX_SPAWN_DUP2, its, each) for each in (0, 1, 2)),
            (os.POSIX_SPAWN_CLOSE, ours),
        ],
    )
    os.close(its)
    said = b""
    try:
        while chunk := os.read(ours, 65_536):
            said += chunk
    except OSError:  # so Linux tells that the terminal's other side is closed
        pass
    os.close(ours)
    os.waitpid(child, 0)
    return said.decode()
