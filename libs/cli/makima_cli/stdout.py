"""A stdout that nobody reads any more, or that cannot be written."""

import errno
import os
import stat
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress


@contextmanager
def ended_with_its_reader() -> Generator[None]:
    """Cancels the present task when the reader of stdout is gone: `makima contracts monitor | head -1` would
    otherwise go on until the next event, as a pipe tells a writer only when it writes.

    Raises `BrokenPipeError` then.
    """
    import asyncio  # noqa: PLC0415 - takes a third of the time of `--help`, which waits for nothing

    task, loop, pipe = asyncio.current_task(), asyncio.get_running_loop(), _pipe()
    if pipe is None or task is None:
        yield
        return
    gone = asyncio.Event()

    def end() -> None:
        loop.remove_reader(pipe)
        gone.set()
        task.cancel()

    # Nothing ever comes out of the writing end of a pipe: it becomes readable when the reading end is closed.
    loop.add_reader(pipe, end)
    try:
        yield
    except asyncio.CancelledError:
        if gone.is_set():
            raise BrokenPipeError(errno.EPIPE, "nobody reads stdout any more") from None
        raise
    finally:
        loop.remove_reader(pipe)


def drop_stdout() -> None:
    """Lets what is left in stdout's buffer go, which Python would try to write once more at its end."""
    with suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _pipe() -> int | None:
    """Stdout's file descriptor if it is a pipe; None for a terminal, a file, or a test's own."""
    with suppress(OSError, ValueError):
        descriptor = sys.stdout.fileno()
        mode = os.fstat(descriptor).st_mode
        return descriptor if stat.S_ISFIFO(mode) else None
    return None
