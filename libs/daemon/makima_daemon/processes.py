"""Processes of agents: each in a session and group of its own, watched to its end, whoever started it."""

import asyncio
import os
import signal
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final, Self

import psutil

from makima_daemon.adoption import Found, ProcessId

EXIT_POLL_SECONDS: Final = 0.25  # where the system cannot tell of an end
KILLED_WITHIN_SECONDS: Final = 5.0  # the system needs this at most to end a killed process

_BOOT_ID: Final = Path("/proc/sys/kernel/random/boot_id")


class AgentProcess:
    """The leader of an agent's process group."""

    def __init__(self, identity: ProcessId, child: subprocess.Popen[bytes] | None = None) -> None:
        self.id = identity
        self._child = child  # None: an earlier daemon started it
        self._watch = asyncio.ensure_future(self._watched())

    @classmethod
    def start(cls, command: tuple[str, ...], *, env: Mapping[str, str], folder: Path, log: BinaryIO) -> Self:
        """Start it; `log` receives its output. Raises `OSError` if it cannot be."""
        child = subprocess.Popen(
            command,
            env=dict(env),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        return cls(ProcessId(child.pid, started(child.pid) or ""), child)

    async def ended(self) -> int | None:
        """Wait for its end. Returns the exit code, -N if signal N killed it; None if it was not our child."""
        return await asyncio.shield(self._watch)

    @property
    def alive(self) -> bool:
        return not self._watch.done()

    async def end(self, patience: float) -> None:
        """End the whole group: SIGTERM, and SIGKILL after `patience` seconds. What is left of the group when its
        leader has ended is killed at once.
        """
        if patience > 0:
            self.signal(signal.SIGCONT)
            self.signal(signal.SIGTERM)
            await asyncio.wait({self._watch}, timeout=patience)
        self.signal(signal.SIGKILL)
        await asyncio.wait({self._watch}, timeout=KILLED_WITHIN_SECONDS)

    def signal(self, what: signal.Signals) -> None:
        """To its group. Nothing after its end: the number may be another's then."""
        if self.alive and not self._is_anothers():
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self.id.pid, what)

    def _is_anothers(self) -> bool:
        """True if another process has its number by now, so that nothing of its group is left. That of a child is its
        own until its exit code was fetched.
        """
        if self._child is not None and self._child.returncode is None:
            return False
        return started(self.id.pid) not in {None, self.id.started}

    async def _watched(self) -> int | None:
        while not await _ended(self.id, self._child):
            continue
        self.signal(signal.SIGKILL)  # what the leader has left behind
        return None if self._child is None else self._child.wait()


async def _ended(process: ProcessId, child: subprocess.Popen[bytes] | None) -> bool:
    """Wait for the end, or for a while; True if it has ended."""
    try:
        descriptor = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    except (AttributeError, OSError):  # not Linux, or no descriptors left
        await asyncio.sleep(EXIT_POLL_SECONDS)
        return child.poll() is not None if child else started(process.pid) != process.started
    try:
        # The descriptor may be that of another process with its number, from here on not any more.
        if child is None and started(process.pid) != process.started:
            return True
        loop, ended = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
        return True
    finally:
        os.close(descriptor)


def started(pid: int) -> str | None:
    """When a process was started, to tell it from a later one with its pid, also after the machine was started
    anew or its clock was set; None if there is none, or only its exit code is left.
    """
    try:
        process = psutil.Process(pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return None
        stat = Path(f"/proc/{pid}/stat")
        if not stat.exists():
            return repr(process.create_time())
        ticks = stat.read_bytes().rpartition(b")")[2].split()[19].decode()  # field 22, proc(5)
        return f"{_BOOT_ID.read_text().strip()}:{ticks}"
    except (psutil.Error, OSError, IndexError):
        return None


def left_behind(socket: Path, daemon_id: str) -> Iterator[tuple[Mapping[str, str], Found]]:
    """The processes of our user that a daemon of this id and local socket started, with their environment.

    A process that a person started may have the socket and a connection, for its hooks; but not the daemon's id.
    """
    ours = {"MAKIMA_DAEMON_SOCKET": str(socket), "MAKIMA_DAEMON": daemon_id}
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.pid == os.getpid():
                continue
            env = process.environ()
            if not ours.items() <= env.items() or "MAKIMA_CONNECTION_ID" not in env:
                continue
            when = started(process.pid)
            if when is not None:
                leads = os.getpgid(process.pid) == process.pid
                created = process.create_time()
                yield env, Found(ProcessId(process.pid, when), env["MAKIMA_CONNECTION_ID"], leads, created)


def kill(process: ProcessId) -> None:
    """Kill it, with its group if it leads one."""
    if started(process.pid) != process.started:
        return
    with suppress(ProcessLookupError, PermissionError):
        if os.getpgid(process.pid) == process.pid:
            os.killpg(process.pid, signal.SIGKILL)
        else:
            os.kill(process.pid, signal.SIGKILL)
