"""Reads the logs of a workspace for people: the newest lines of the daemon and its agents, and those that come."""

import asyncio
import re
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final

from makima_daemon import event_log
from makima_daemon.workspace import Workspace, checked

FOLLOW_POLL_SECONDS: Final = 0.25
MAX_SHOWN_LINE_BYTES: Final = 64 * 1024  # of a line that is shown; the rest becomes further lines
TAIL_BLOCK_BYTES: Final = 64 * 1024

# What a terminal obeys: CSI sequences, OSC, DCS, SOS, PM and APC strings, and escapes of two characters (ECMA-48).
_ESCAPES: Final = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]|(?:\x1b[\]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"
    r"|\x1b[ -/]*[0-~]"
)


@dataclass(frozen=True, slots=True)
class LogFile:
    """One log; `contract_id` and `role` are None for the daemon's own."""

    path: Path
    contract_id: str | None = None
    role: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    log: LogFile
    text: str  # without its line break, and without what a terminal obeys as a sequence


def files(workspace: Workspace, contract_id: str | None = None, role: str | None = None) -> list[LogFile]:
    """The logs of the agents of that contract and that role, each if given; with neither, the daemon's own too.

    Raises `ValueError` if one of them is no id.
    """
    contract = "*" if contract_id is None else checked(contract_id)
    found = [
        LogFile(path, path.parent.name, path.stem)
        for path in sorted(
            workspace.agent_logs.glob(f"{contract}/{'*' if role is None else checked(role)}.log")
        )
    ]
    own = contract_id is None and role is None and workspace.own_log.exists()
    return [LogFile(workspace.own_log), *found] if own else found


def newest(log: LogFile, count: int) -> list[Line]:
    """Its last `count` lines; what came before it was cut belongs to it."""
    lines: deque[bytes] = deque(maxlen=count)
    before = event_log.BEFORE if log.role is None else ".old"
    for path in (log.path.with_name(log.path.name + before), log.path):
        with suppress(FileNotFoundError), path.open("rb") as file:
            lines.extend(_last(file, count))
    return [Line(log, plain(line)) for line in lines]


def plain(line: bytes) -> str:
    """The line as text, without the sequences that a terminal obeys."""
    return _ESCAPES.sub("", line.decode(errors="replace").rstrip("\r\n"))


@dataclass
class _Position:
    offset: int
    begun: bytes = b""  # of a line that is not complete yet


@dataclass
class LogFollower:
    """Lines as they come, also of agents that start later. What was there when it was made is not read again."""

    workspace: Workspace
    contract_id: str | None = None
    role: str | None = None
    _positions: dict[Path, _Position] = field(default_factory=dict[Path, _Position])

    def __post_init__(self) -> None:
        for log in files(self.workspace, self.contract_id, self.role):
            self._positions[log.path] = _Position(log.path.stat().st_size)

    async def lines(self) -> AsyncIterator[Line]:
        """Until the caller ends it."""
        while True:
            for line in self.new():
                yield line
            await asyncio.sleep(FOLLOW_POLL_SECONDS)

    def new(self) -> Iterator[Line]:
        """The lines that have come since the last call."""
        for log in files(self.workspace, self.contract_id, self.role):
            yield from self._of(log)

    def _of(self, log: LogFile) -> Iterator[Line]:
        at = self._positions.setdefault(log.path, _Position(0))
        with suppress(FileNotFoundError), log.path.open("rb") as file:
            if file.seek(0, 2) < at.offset:  # it was cut
                at.offset, at.begun = 0, b""
            file.seek(at.offset)
            while block := file.read(TAIL_BLOCK_BYTES):
                at.offset += len(block)
                *complete, at.begun = (at.begun + block).split(b"\n")
                yield from (Line(log, plain(each)) for each in complete)
                if len(at.begun) > MAX_SHOWN_LINE_BYTES:
                    yield Line(log, plain(at.begun))
                    at.begun = b""


def _last(file: BinaryIO, count: int) -> list[bytes]:
    """Read from the end, so that a large file costs no more than its last lines."""
    position, read = file.seek(0, 2), b""
    while position > 0 and read.count(b"\n") <= count:
        size = min(TAIL_BLOCK_BYTES, position)
        position -= size
        file.seek(position)
        read = file.read(size) + read
    return read.splitlines()[-count:] if count else []
