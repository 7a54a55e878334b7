"""Checks and chooses TCP ports of this machine."""

import random
import socket
from collections import deque
from contextlib import suppress
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below the ephemeral ports (Linux from 32768, macOS from 49152). Otherwise an outgoing connection could take
# the port of a server while it restarts, and a client that reconnects to that port could be connected to
# itself.
CHOICE = range(18_000, 32_000)
LOWEST = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")  # where Linux tells it
LOWEST_BY_CUSTOM = 1024
MAX_PORT_ATTEMPTS = 200  # random ports to test
MAX_RESERVATIONS = 64  # of a process; older ones are released, as their servers have been listening for long
_reservations: deque[socket.socket] = deque()


class PortTakenError(Exception):
    """A process listens on this port already; the option `flag` sets another one."""

    def __init__(self, port: int, flag: str) -> None:
        super().__init__(f"port {port} is taken: choose another with {flag}")
        self.port = port
        self.flag = flag


def is_free(port: int) -> bool:
    """True if a server could listen on this port of 127.0.0.1 now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        return True
    return False


def require(port: int, flag: str) -> int:
    """Returns `port`, if a server can listen on it. Raises `PortTakenError`."""
    if not is_free(port):
        raise PortTakenError(port, flag)
    return port


def first_for_everybody() -> int:
    """The lowest port on which users other than root may listen."""
    with suppress(OSError, ValueError):
        return int(LOWEST.read_text())
    return LOWEST_BY_CUSTOM


def free() -> int:
    """A random port on which no process listens, and that no other caller of `free` gets while it is
    reserved.

    The reservation covers the time until the caller's server listens, and while that server restarts; a
    process keeps its last `MAX_RESERVATIONS`. Raises `OSError` if no free port is found.
    """
    for _ in range(MAX_PORT_ATTEMPTS):
        port = random.choice(CHOICE)  # noqa: S311 — spreading, not secrecy
        if _reserve(port) and is_free(port):
            return port
    raise OSError(f"no free port found between {CHOICE.start} and {CHOICE.stop}")


def _reserve(port: int) -> bool:
    """Binds a UDP socket to the same number, which no server of ours uses; it is released with the process."""
    reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        reservation.bind((LOOPBACK, port))
    except OSError:
        reservation.close()
        return False
    _reservations.append(reservation)
    if len(_reservations) > MAX_RESERVATIONS:
        _reservations.popleft().close()
    return True
