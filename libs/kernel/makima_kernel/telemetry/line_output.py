"""Writes lines to stderr, or to another file, whoever reads it or not: one that cannot be written is dropped."""

import errno
import os
import select
import socket
import stat
import threading
from collections.abc import Callable
from typing import Final, TextIO

# A write of as much to a pipe that is ready for writing is done at once and whole (POSIX: at least 512 bytes).
PIPE_BYTES: Final = select.PIPE_BUF


class LineOutput:
    """`write()` neither raises nor waits for a reader: a process must not die, or stand, because nobody reads
    what it says, or because the disk of its log is full.

    A pipe and a terminal are opened anew for it, because non-blocking is a property of the opened file, which
    other processes share. `dropped` counts the lines that were lost; `on_dropped` is called with each. `note`
    makes the line that says how many were, once lines can be written again.
    """

    def __init__(
        self,
        stream: TextIO | None,
        *,
        on_dropped: Callable[[], object] = lambda: None,
        note: Callable[[int], str] = lambda lines: f"{lines} lines before were dropped",
    ) -> None:
        """`stream` may be None, as `sys.stderr` is where the process was started without one: the number 2
        belongs to something else by now, and every line is dropped.
        """
        self._send = _nowhere if stream is None else _sender(stream)
        self._on_dropped, self._note = on_dropped, note
        self._lock = threading.Lock()
        self._unsaid = 0  # dropped since the last line that was written
        self._torn = False  # the last line was written in part
        self.dropped = 0

    def write(self, line: str) -> None:
        with self._lock:
            if self._unsaid and self._written(self._note(self._unsaid)):
                self._unsaid = 0
            if self._unsaid or not self._written(line):
                self._unsaid += 1
                self.dropped += 1
                self._on_dropped()

    def _written(self, line: str) -> bool:
        begin = "\n" if self._torn else ""
        data = memoryview(f"{begin}{line}\n".encode(errors="backslashreplace"))
        whole = len(data)
        try:
            while data:
                data = data[self._send(data[:PIPE_BYTES]) :]
        except (OSError, ValueError):
            self._torn = self._torn or len(data) < whole
            return False
        self._torn = False
        return True


def _sender(stream: TextIO) -> Callable[[memoryview], int]:
    """What writes bytes there and returns how many it has. It raises `OSError` where it would have to wait."""
    try:
        descriptor = stream.fileno()
        mode = os.fstat(descriptor).st_mode
    except (OSError, ValueError):  # no file: a test's own
        return lambda data: _to_memory(stream, data)
    if stat.S_ISSOCK(mode):
        return _to_socket(descriptor)
    if stat.S_ISREG(mode):
        return lambda data: os.write(descriptor, data)
    try:
        own = os.open(f"/proc/self/fd/{descriptor}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
    except OSError:  # no such folder here, another user's, or nobody reads the pipe
        return lambda data: _write_if_ready(descriptor, data)
    return lambda data: os.write(own, data)


def _to_memory(stream: TextIO, data: memoryview) -> int:
    stream.write(str(data, "utf-8", "replace"))
    return len(data)


def _to_socket(descriptor: int) -> Callable[[memoryview], int]:
    own = socket.socket(fileno=os.dup(descriptor))
    return lambda data: own.send(data, socket.MSG_DONTWAIT)


def _write_if_ready(descriptor: int, data: memoryview) -> int:
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    if not poll.poll(0):
        raise BlockingIOError(errno.EAGAIN, "nobody reads")
    return os.write(descriptor, data)


def _nowhere(_data: memoryview) -> int:
    raise OSError(errno.EBADF, "there is no such file")
