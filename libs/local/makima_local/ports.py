"""Ports of this machine: is one free, and which one is."""

import random
import socket
from collections import deque
from contextlib import suppress

LOOPBACK = "127.0.0.1"
# Under the ephemeral range (Linux from 32768, macOS from 49152): a server that restarts must not find its port taken by an outgoing connection, nor a client meet itself.
CHOICE = range(18_000, 32_000)
MAX_PORT_ATTEMPTS = 200
KEPT = 64  # reservations of a process: by then its first server listens long since
_reservations: deque[socket.socket] = deque()


class PortTakenError(Exception):
    """Something listens on this port already; `flag` chooses another."""

    def __init__(self, port: int, flag: str) -> None:
        super().__init__(f"port {port} is taken: choose another with {flag}")
        self.port = port
        self.flag = flag


def is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe, suppress(OSError):
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, port))
        return True
    return False


def require(port: int, flag: str) -> int:
    """The port itself, if a server can listen on it."""
    if not is_free(port):
        raise PortTakenError(port, flag)
    return port


def free() -> int:
    """A port that nobody listens on now, and that no process gets here while this one keeps it in reserve: until its server
    listens, and while that one restarts.
    """
    for _ in range(MAX_PORT_ATTEMPTS):
        port = random.choice(CHOICE)  # noqa: S311 — spreading, not secrecy
        if _reserve(port) and is_free(port):
            return port
    raise OSError(f"no free port found between {CHOICE.start} and {CHOICE.stop}")


def _reserve(port: int) -> bool:
    """By a UDP socket on the same number, which our servers have no use for: it ends with the process that holds it."""
    reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        reservation.bind((LOOPBACK, port))
    except OSError:
        reservation.close()
        return False
    _reservations.append(reservation)
    if len(_reservations) > KEPT:
        _reservations.popleft().close()
    return True
