"""What is to reach makima and must not be lost while it is away: in order, bounded, in a file that survives a kill."""

import logging
import os
from collections import OrderedDict
from collections.abc import Mapping
from contextlib import suppress
from io import FileIO
from itertools import islice
from pathlib import Path
from typing import Final, Self
from uuid import uuid4

from makima_sdk import refused_entries, spool_format
from makima_sdk.file_lock import FileLock, LockedError
from makima_sdk.private_file import open_private
from makima_sdk.problems import ProblemError, SpoolError, SpoolFullError
from makima_sdk.spool_format import Entry

MAX_SPOOL_ENTRIES: Final = 10_000
MAX_SPOOL_BYTES: Final = 16 * 1024 * 1024  # of the entries that wait
MAX_ENTRY_BYTES: Final = 512 * 1024  # what makima takes as one request
# A file is written anew when what is done takes up more of it than what waits, and more than this.
COMPACT_ABOVE_BYTES: Final = 256 * 1024
STEP: Final = "step"  # the kind of which the oldest are dropped when the spool is full

_logger: Final = logging.getLogger(__name__)


class Spool:
    """The entries of one agent that wait for delivery. `path` None: in memory only.

    A file has one process at a time; `owner` says whose it is, so that no other agent delivers it. A write reaches
    the operating system before `put` returns: it survives a kill of the process, not a power failure.

    When it is full, the oldest steps are dropped for what is newer; where there are none, a step is dropped
    itself, and anything else is refused with `SpoolFullError`.
    """

    def __init__(
        self,
        path: str | os.PathLike[str] | None,
        owner: str,
        *,
        max_entries: int = MAX_SPOOL_ENTRIES,
        max_bytes: int = MAX_SPOOL_BYTES,
    ) -> None:
        self.path = None if path is None else Path(path)
        self.dropped_steps = 0
        self.damaged = 0  # lines of the file that could not be read when it was opened
        self._owner = owner
        self._max_entries, self._max_bytes = max_entries, max_bytes
        self._waiting: OrderedDict[int, Entry] = OrderedDict()
        self._sizes: dict[int, int] = {}  # bytes of each entry that waits
        self.waiting_bytes = 0  # of them together
        self._next_seq = 1
        self._file: FileIO | None = None
        self._file_bytes = 0
        self._lock: FileLock | None = None

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self) -> Self:
        """Lock the file and read it. Raises `SpoolError` if another process or another agent has it."""
        if self.path is None:
            return self
        lock = FileLock(self.path.with_name(f"{self.path.name}.lock"))
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock.acquire()
        except LockedError as error:
            raise SpoolError(f"the spool {self.path} is in use: {error}") from error
        except OSError as error:
            raise SpoolError(f"the spool {self.path} cannot be opened: {error}") from error
        try:
            self._load(self.path)
        except OSError as error:
            lock.release()
            raise SpoolError(f"the spool {self.path} cannot be used: {error}") from error
        except SpoolError:
            lock.release()
            raise
        self._lock = lock
        return self

    def close(self) -> None:
        """What waits stays in the file."""
        if self._file is not None:
            self._file.close()
            self._file = None
        if self._lock is not None:
            self._lock.release()
            self._lock = None

    def put(self, kind: str, route: str, body: Mapping[str, object], connection_id: str) -> Entry | None:
        """Keep an entry until it is done; None: it is a step, and was dropped because the spool is full.

        Raises `SpoolFullError`, and `SpoolError` for an entry that makima would not take, or that cannot be
        written (the disk is full).
        """
        entry = Entry(self._next_seq, str(uuid4()), kind, route, body, connection_id)
        line = spool_format.put(entry)
        if len(line) > MAX_ENTRY_BYTES:
            raise SpoolError(f"a {kind} may have at most {MAX_ENTRY_BYTES} bytes; this one has {len(line)}")
        if not self._make_room(len(line)):
            if kind == STEP:
                self._note_dropped()
                return None
            raise SpoolFullError(
                f"the spool has {len(self)} entries of {self.waiting_bytes} bytes, as many as it may have: "
                "makima has been away for too long"
            )
        self._append(line)
        self._next_seq += 1
        self._add(entry, len(line))
        return entry

    def first(self) -> Entry | None:
        """The entry to deliver next."""
        return next(iter(self._waiting.values()), None)

    def finish(self, seq: int) -> None:
        """The entry was delivered or refused. If that cannot be written, it is sent once more after a restart, under
        its key, which changes nothing.
        """
        if self._waiting.pop(seq, None) is None:
            return
        self.waiting_bytes -= self._sizes.pop(seq)
        with suppress(SpoolError):
            self._append(spool_format.done(seq))
            self._compact()

    def set_aside(self, entry: Entry, problem: ProblemError) -> Path | None:
        """The entry, of an earlier process, was refused: move it to the file that is answered. Raises `SpoolError`, and keeps
        it, if that cannot be written.
        """
        if self.path is not None:
            try:
                refused_entries.keep(self.path, entry, problem)
            except OSError as error:
                raise SpoolError(
                    f"what was refused of the spool {self.path} cannot be kept: {error}"
                ) from error
        self.finish(entry.seq)
        return None if self.path is None else refused_entries.file_of(self.path)

    def _make_room(self, size: int) -> bool:
        """Drop the oldest steps, but not the first entry, which may be on its way."""
        while len(self) >= self._max_entries or self.waiting_bytes + size > self._max_bytes:
            later = islice(self._waiting.values(), 1, None)
            step = next((entry for entry in later if entry.kind == STEP), None)
            if step is None:
                return False
            self.finish(step.seq)
            self._note_dropped()
        return True

    def _note_dropped(self) -> None:
        if not self.dropped_steps:
            _logger.warning("the spool is full: the oldest steps are dropped")
        self.dropped_steps += 1

    def _load(self, path: Path) -> None:
        data = path.read_bytes() if path.exists() else b""
        found = spool_format.read(data)
        if not found.is_spool:
            raise SpoolError(f"{path} is no spool of this SDK: give another path")
        if found.owner not in {None, self._owner}:
            raise SpoolError(
                f"the spool {path} is of {found.owner}, not of {self._owner}: give each agent its own"
            )
        if found.damaged:
            _logger.warning("the spool %s: %s damaged lines were left out", path, found.damaged)
        self.damaged = found.damaged
        self._next_seq = found.next_seq
        for entry in found.entries:
            self._add(entry, len(spool_format.put(entry)))
        self._rewrite(path)

    def _add(self, entry: Entry, size: int) -> None:
        self._waiting[entry.seq], self._sizes[entry.seq] = entry, size
        self.waiting_bytes += size

    def _append(self, line: bytes) -> None:
        """Raises `SpoolError`; then the file is as it was before."""
        if self.path is None or self._lock is None:
            return
        try:
            file = self._file or self._rewrite(self.path)  # it could not be opened again after a rewrite
        except OSError as error:
            raise SpoolError(f"the spool {self.path} cannot be opened: {error}") from error
        try:
            written = file.write(line)
            if written != len(line):
                raise OSError(f"only {written} of {len(line)} bytes were written")  # noqa: TRY301 - as a full disk
        except OSError as error:
            with suppress(OSError):
                file.truncate(self._file_bytes)
            raise SpoolError(f"the spool {self.path} cannot be written: {error}") from error
        self._file_bytes += len(line)

    def _compact(self) -> None:
        if self.path is not None and self._file_bytes - self.waiting_bytes > max(
            COMPACT_ABOVE_BYTES, self.waiting_bytes
        ):
            try:
                self._rewrite(self.path)
            except OSError as error:
                raise SpoolError(f"the spool {self.path} cannot be written: {error}") from error

    def _rewrite(self, path: Path) -> FileIO:
        """Write what waits into a new file in its place. Killed in between, the old file is still there.

        Entries keep their order; a file without any counts from 1 again.
        """
        content = spool_format.header(self._owner) + b"".join(map(spool_format.put, self._waiting.values()))
        new = path.with_name(f"{path.name}.new")
        new.unlink(missing_ok=True)  # of a process that was killed; its mode may be another
        with open_private(new, "wb") as file:
            if file.write(content) != len(content):
                raise OSError("the disk is full")
            os.fsync(file.fileno())
        if self._file is not None:
            self._file.close()  # Windows replaces no file that is open
            self._file = None
        try:
            new.replace(path)
        finally:
            self._file = open_private(path, "ab")
            self._file_bytes = os.fstat(self._file.fileno()).st_size
        return self._file
