"""What a command writes goes through unchanged, and its newest line is what the agent does."""

import asyncio
import os
import re
from collections.abc import Callable, Sequence
from threading import Thread
from typing import Final

CHUNK_BYTES: Final = 64 * 1024
MAX_ACTIVITY_LINE_BYTES: Final = 4096  # what is longer is no activity to read
SHOWN_CHARACTERS: Final = 200
STREAM_LOOK_SECONDS: Final = 0.05  # between two looks at a stream that has not ended
# Sequences that a terminal obeys: CSI (colours, cursor), OSC (title, links; up to BEL or ST), and the short ones.
_OBEYED: Final = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_]|[ -/]+[0-~])"
)


def shown(line: bytes) -> str:
    """A line as an activity: without what a terminal obeys, of bounded length; empty for one that shows nothing.

    Of a line that overwrites itself (a progress bar) what is last seen of it.
    """
    text = line.decode(errors="replace").rstrip("\r\n").rpartition("\r")[2]
    printable = "".join(part if part.isprintable() else " " for part in _OBEYED.sub("", text))
    return " ".join(printable.split())[:SHOWN_CHARACTERS]


class LineReader:
    """The newest complete line of a stream of bytes that says anything."""

    def __init__(self) -> None:
        self._begun = b""  # of the line that is not complete yet

    def newest(self, chunk: bytes) -> str | None:
        """None if none was completed by this chunk. A carriage return completes one, too, for progress bars."""
        *complete, begun = re.split(rb"[\r\n]+", self._begun + chunk)
        self._begun = begun[:MAX_ACTIVITY_LINE_BYTES]
        for line in reversed(complete):
            if text := shown(line[:MAX_ACTIVITY_LINE_BYTES]):
                return text
        return None


class Pump(Thread):
    """Copies one stream until its end. A thread: whoever reads our output may be slow, and the heartbeats must not
    wait for them, while the command should, as if it wrote there itself.
    """

    def __init__(self, source: int, target: int, notify: Callable[[str], None]) -> None:
        super().__init__(name=f"copies to {target}", daemon=True)
        self._source = source
        self._target = target
        self._notify = notify
        self.turns = 0  # odd while it writes what it has read

    def run(self) -> None:
        """Ends at the end of the stream; when nobody reads our output, the command is told as it writes."""
        lines = LineReader()
        try:
            while chunk := os.read(self._source, CHUNK_BYTES):
                self.turns += 1
                _write_all(self._target, chunk)
                self.turns += 1
                if text := lines.newest(chunk):
                    self._notify(text)
        except OSError:
            return
        finally:
            os.close(self._source)


async def written(pumps: Sequence[Pump], patience: float, hurried: Callable[[], bool]) -> None:
    """Wait for the end of the streams, for `patience` seconds at most: what the command has left behind may hold them
    open. Time in which the reader of our output keeps a stream waiting does not count, unless `hurried`.
    """
    for pump in pumps:
        while pump.is_alive() and patience > 0:
            turn = pump.turns
            await asyncio.to_thread(pump.join, STREAM_LOOK_SECONDS)
            waits_for_reader = turn % 2 == 1 and turn == pump.turns
            if hurried() or not waits_for_reader:
                patience -= STREAM_LOOK_SECONDS


def _write_all(target: int, chunk: bytes) -> None:
    view = memoryview(chunk)
    while view:
        view = view[os.write(target, view) :]
