"""A command on a terminal on which somebody has typed."""

import fcntl
import os
import struct
import sys
import termios
from collections.abc import Mapping


def on_a_terminal(typed: bytes, environ: Mapping[str, str], *arguments: str, columns: int = 80) -> str:
    """What the command prints; what was typed is among it, as a terminal echoes it."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    os.write(ours, typed)
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "makima_cli.main", *arguments],
        {
            **{name: value for name, value in environ.items() if name not in {"COLUMNS", "LINES"}},
            "NO_COLOR": "1",
            "TERM": "dumb",
        },
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
