"""The daemon's local socket, for programs on its machine that want an answer within milliseconds: one JSON
object a line, one line back. A Unix socket that only its user can open; its path stands in MAKIMA_DAEMON_SOCKET.
Where there are no Unix sockets, there is none.

`{"op": "hook", "contract_id", "role", "connection_id"?, "pids"?, "event": {…}}` → `{"ok": true}`, or
`{"ok": false, "error": "…"}`. `event` is what a coding agent's hook wrote, `pids` the processes that the hook ran
under, the nearest first. Members that the reader does not know are ignored.

`{"op": "signals", "contract_id", "role"}` from the process that the daemon runs for this agent → the same, and then,
until the connection ends, `{"signal": "sync"}` as they come (`daemon_signals`): beat now.

`makima hook` starts with this module for each tool call of an agent, so it imports no module that imports others:
`socket`, `json` and `typing` would double the time that Python needs to start.
"""

import _socket
import os
import select
import time

ENVIRONMENT = "MAKIMA_DAEMON_SOCKET"
MAX_LINE_BYTES = 64 * 1024  # of a request or an answer, with its line break
LISTED_PIDS = 4  # of the processes that a hook ran under
_ID_LENGTH = 64


def hook_line(event: bytes, contract_id: str, role: str, connection_id: str | None, pids: list[int]) -> bytes:
    """The request of one hook event, with `event` as it came: JSON has line breaks only between its tokens.

    Raises `ValueError` if an id is none (it would have to be escaped), or the line is too long.
    """
    members = {"contract_id": contract_id, "role": role, "connection_id": connection_id}
    for name, value in members.items():
        if value is not None and not is_plain_id(value):
            raise ValueError(f"{name} is no id")
    ids = ", ".join(f'"{name}": "{value}"' for name, value in members.items() if value is not None)
    # The event first: of two members with one name a reader takes the last, so none in it stands for ours.
    line = b'{"event": ' + event.replace(b"\r", b" ").replace(b"\n", b" ")
    line += f', "op": "hook", {ids}, "pids": {pids[:LISTED_PIDS]}}}\n'.encode()
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("the event is too long")
    return line


def is_plain_id(text: str) -> bool:
    """`makima_schemas.identity.is_id`, without the imports."""
    return len(text) <= _ID_LENGTH and text.isascii() and text.replace("-", "").replace("_", "0").isalnum()


def send(path: str, line: bytes, deadline: float) -> bytes:
    """Send one request and return the line that answers it; `deadline` is a time of `time.monotonic`.

    Raises `OSError` if nobody listens at `path`, or the answer is not there by the deadline.
    """
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    try:
        connection.settimeout(_left(deadline))
        connection.connect(path)
        connection.sendall(line)
        answer = b""
        while not answer.endswith(b"\n") and len(answer) < MAX_LINE_BYTES:
            connection.settimeout(_left(deadline))
            part = connection.recv(MAX_LINE_BYTES)
            if not part:
                break
            answer += part
        return answer
    finally:
        connection.close()


def read_all(descriptor: int, limit: int, deadline: float) -> bytes | None:
    """All that is written to `descriptor`; None if that is more than `limit` bytes or does not end by `deadline`.

    What is above the limit is read too, for a writer must not break because nobody reads what it writes.
    """
    read, size = bytearray(), 0
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return None
        part = os.read(descriptor, MAX_LINE_BYTES)
        if not part:
            return bytes(read) if size <= limit else None
        size += len(part)
        if size <= limit:
            read += part
    return None


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("no answer in time")
    return left
