"""A client of the local socket that is written to as something happens, and is never waited for."""

import asyncio
import os
import socket
import struct
import sys
from contextlib import suppress
from typing import Final, cast

import orjson

MAX_UNREAD_BYTES: Final = 4096  # beyond what the system keeps for it: whoever reads so little does not listen
LOCAL_PEERPID: Final = (0, 0x002)  # SOL_LOCAL and its option, sys/un.h of macOS


class Subscriber:
    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    @property
    def session(self) -> int | None:
        """The session of its process, as the system tells it, which is the pid of the session's first process; None: not
        known.
        """
        with suppress(OSError):
            pid = _peer(cast("socket.socket", self._writer.get_extra_info("socket")))
            return None if pid is None else os.getsid(pid)
        return None

    def send(self, **message: object) -> bool:
        """False if it is gone, or does not read: then it is cut off."""
        transport = self._writer.transport
        if transport.is_closing():
            return False
        if transport.get_write_buffer_size() > MAX_UNREAD_BYTES:
            self.cut_off()
            return False
        self._writer.write(orjson.dumps(message) + b"\n")
        return True

    def cut_off(self) -> None:
        self._writer.transport.abort()


def _peer(connection: socket.socket) -> int | None:
    """The pid at the other end. Raises `OSError`."""
    if sys.platform == "linux":
        credentials = struct.Struct("3i")  # pid, uid, gid
        found = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, credentials.size)
        return credentials.unpack(found)[0] or None  # 0: of another pid namespace
    return connection.getsockopt(*LOCAL_PEERPID) if sys.platform == "darwin" else None
