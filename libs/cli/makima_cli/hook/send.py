"""What the hooks of a coding agent run: hands one event to the daemon of this machine, and never gets in the way.

Whatever happens (no daemon, one that hangs, garbage on stdin, more than anybody would write), the process ends
with exit code 0 within `HOOK_SECONDS` of its start, with nothing on stdout: coding agents obey what a hook prints,
and some stop at another exit code. Imports nothing that takes time; see `makima_sdk.local_socket`.
"""

import os
import time

from makima_sdk import local_socket

HOOK_SECONDS = 0.1  # in all, beside the start of Python; an agent waits for its hooks
MAX_EVENT_BYTES = 4 * 1024 * 1024  # longer ones are dropped; a tool's answer is in the event
KEPT_CHARACTERS = 300  # of each text, of an event that is too long for one line of the socket
STDIN = 0


def hand_over() -> None:
    """Read one event from stdin and hand it to the daemon, if there are all three."""
    deadline = time.monotonic() + HOOK_SECONDS
    try:  # noqa: SIM105 — contextlib takes 2 ms to import
        _hand_over(deadline)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001, S110 — the outermost: nothing may reach the agent
        pass


def _hand_over(deadline: float) -> None:
    if os.name == "nt" or os.isatty(STDIN):  # no Unix sockets there; nobody writes events by hand
        return
    event = local_socket.read_all(STDIN, MAX_EVENT_BYTES, deadline)  # always: its writer must not break
    path, contract_id, role = (
        os.environ.get(name) for name in (local_socket.ENVIRONMENT, "MAKIMA_CONTRACT", "MAKIMA_ROLE")
    )
    if not (event and path and contract_id and role):
        return
    connection_id = os.environ.get("MAKIMA_CONNECTION_ID") or None
    try:
        line = local_socket.hook_line(event, contract_id, role, connection_id, _pids())
    except ValueError:
        line = local_socket.hook_line(_shortened(event), contract_id, role, connection_id, _pids())
    local_socket.send(path, line, deadline)


def _pids() -> list[int]:
    """The processes above this one, the nearest first: a shell perhaps, then the agent, then what started it."""
    pids = [os.getppid()]
    try:
        while len(pids) < local_socket.LISTED_PIDS and pids[-1] > 1:
            with open(f"/proc/{pids[-1]}/stat", "rb") as file:  # noqa: PTH123 — pathlib takes 8 ms to import
                pids.append(int(file.read().rpartition(b")")[2].split()[1]))
    except (OSError, ValueError, IndexError):
        return pids  # another system, or gone meanwhile
    return [pid for pid in pids if pid > 1]


def _shortened(event: bytes) -> bytes:
    """Its texts and numbers, and those one level down, each cut: enough to say what the agent does."""
    import json  # noqa: PLC0415 — takes 6 ms, for long events only

    return json.dumps(_cut_members(_members(json.loads(event)), 50)).encode()


def _members(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise TypeError("an event is an object")
    return value  # pyright: ignore[reportUnknownVariableType] — `typing`, and so `cast`, takes 8 ms to import


def _cut_members(members: dict[str, object], most: int, depth: int = 1) -> dict[str, object]:
    return {name: _cut(value, depth) for name, value in list(members.items())[:most]}


def _cut(value: object, depth: int) -> object:
    if isinstance(value, str):
        return value[:KEPT_CHARACTERS]
    if isinstance(value, dict) and depth:
        return _cut_members(_members(value), 20, depth - 1)  # pyright: ignore[reportUnknownArgumentType]
    return None if isinstance(value, (dict, list)) else value
