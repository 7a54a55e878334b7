"""A port is free, and it stays so for the one who was told of it."""

import socket
import subprocess
import sys

import pytest
from makima_local import ports

ANOTHER_PROCESS = """
import sys
from makima_local import ports
ports.CHOICE = range(int(sys.argv[1]), int(sys.argv[1]) + 1)
print(ports.free())
"""


def ask_elsewhere(port: int) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", ANOTHER_PROCESS, str(port)], capture_output=True, text=True, check=False
    )


def test_a_port_is_given_to_one_process_only() -> None:
    port = ports.free()
    assert "no free port found" in ask_elsewhere(port).stderr
    with socket.create_server((ports.LOOPBACK, port)):
        assert "no free port found" in ask_elsewhere(port).stderr


def test_a_port_that_somebody_listens_on_is_not_free(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as listening:
        port: int = listening.getsockname()[1]
        monkeypatch.setattr(ports, "CHOICE", range(port, port + 1))
        with pytest.raises(OSError, match="no free port found"):
            ports.free()


def test_only_so_many_ports_are_kept_in_reserve() -> None:
    first = ports.free()
    for _ in range(ports.MAX_RESERVATIONS):
        ports.free()
    assert int(ask_elsewhere(first).stdout) == first
