"""The runner: keeps programs running as child processes,
restarts those that end, and ends all with itself.
"""

import asyncio
import os
import signal
import time
from asyncio.subprocess import DEVNULL, Process
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from makima_local import log_file
from makima_local.account import OURS, Account
from makima_local.parent import dies_with_parent
from makima_local.probe import alive, unhealthy
from makima_local.signals import send_to_group, send_to_one

# Seconds before each restart in a row. The first restart is immediate, because most ends are accidental.
RESTART_BACKOFF_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0)  # with a start, less than the 5 s of R1 (docs/faults.md)
BACKOFF_RESET_SECONDS = 10.0  # a program that ran for longer restarts with the first step of BACKOFF
MAX_DEATHS_BEFORE_READY = 4  # ends of a program that is not ready, after which `Runner.ready` gives up
READY_POLL_SECONDS = 0.05  # seconds between two checks of `/healthz`
LIVENESS_POLL_SECONDS = 1.0  # seconds between two checks of `/livez`
# Seconds that one check counts at most towards `frozen_after`, e.g. after the machine slept.
MAX_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """A program to run."""

    name: str
    command: tuple[str, ...]
    folder: Path  # the working directory
    log: Path  # receives stdout and stderr
    # Serves /livez and /healthz; without one the program is ready as soon as it runs.
    health_port: int | None = None
    # In addition to this process's environment; None: the variable is removed from it.
    env: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    account: Account | None = None  # the user to run it as; None: ours


@dataclass(frozen=True, slots=True)
class Started:
    """A process was started."""

    name: str
    pid: int
    again: bool  # it is a restart


@dataclass(frozen=True, slots=True)
class Died:
    """A process ended without having been stopped."""

    name: str
    pid: int
    exit_code: int  # negative: the number of the signal that killed it
    wait: float  # seconds until it is restarted


@dataclass(frozen=True, slots=True)
class Ready:
    """A process is ready for the first time since its start; reported only while `Runner.ready` waits."""

    name: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """A process runs but has not answered `/livez`; it is killed and restarted."""

    name: str
    pid: int
    seconds: float  # since its last answer


Report = Started | Died | Ready | Frozen


class NotReadyError(RuntimeError):
    """Some programs did not become ready; the message says which, and why."""


class Runner:
    """`async with Runner(report) as runner:` runs programs; leaving the block stops them all.

    Enter it on the main thread (see `parent.py`). `report` is called with each event. `patience` is how many
    seconds a stopped program gets before SIGKILL. A program that answered `/livez` once, and then fails to
    for more than `frozen_after` seconds, is killed; None turns that check off.
    """

    def __init__(
        self,
        report: Callable[[Report], None] = lambda _: None,
        *,
        patience: float = 20.0,
        frozen_after: float | None = None,
    ) -> None:
        self._report = report
        self._patience = patience
        self._frozen_after = frozen_after
        self._programs: dict[str, Program] = {}  # those that should run, by name
        self._processes: dict[str, Process] = {}  # the running processes, by name
        self._deaths: dict[str, int] = {}  # how often each ended by itself
        self._ready: set[str] = set()  # the programs whose present process was ready once
        self._keepers: set[asyncio.Task[None]] = set()  # one task per program, which restarts it
        self._stopping = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()
        # Without the block's exception, which is raised to the caller.
        await self._group.__aexit__(None, None, None)

    def start(self, program: Program) -> None:
        """Starts a program, and restarts it whenever it ends."""
        self._programs[program.name] = program
        keeper = self._group.create_task(self._keep(program), name=f"keep {program.name}")
        self._keepers.add(keeper)

    @property
    def pids(self) -> dict[str, int]:
        """The pid of each running process, by the program's name."""
        return {name: process.pid for name, process in self._processes.items()}

    def alive(self, name: str) -> bool:
        return name in self._processes

    def send(self, name: str, what: signal.Signals) -> None:
        """Sends a signal to a program and its children; tests kill (SIGKILL) and thaw (SIGCONT) with it."""
        if process := self._processes.get(name):
            send_to_group(process.pid, what)

    async def ready(self, timeout: float = 60.0, *, longer_while: str | None = None) -> None:
        """Waits until every program answers `/healthz` with 200: all of the system runs on this machine, so
        that a shared condition is the start's concern too.

        Raises `NotReadyError` after `timeout` seconds, or earlier if a program keeps ending before it is
        ready. The seconds count anew each time that a reason with the text `longer_while` changes: that one
        says how far a long work is.
        """
        reasons: dict[str, str] = {}
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = await asyncio.gather(*(self._unready(program) for program in self._programs.values()))
            before = reasons
            reasons = {name: why for name, why in zip(self._programs, found, strict=True) if why is not None}
            if longer_while and any(
                longer_while in why and why != before.get(name) for name, why in reasons.items()
            ):
                deadline = time.monotonic() + timeout
            for name in self._processes.keys() - reasons.keys() - self._ready:
                self._ready.add(name)
                self._report(Ready(name))
            if not reasons:
                return
            hopeless = [name for name in reasons if self._deaths.get(name, 0) >= MAX_DEATHS_BEFORE_READY]
            if hopeless:
                raise NotReadyError(
                    "; ".join(
                        f"{name} exits repeatedly: {log_file.last_words(self._programs[name].log)}"
                        for name in hopeless
                    )
                )
            await asyncio.sleep(READY_POLL_SECONDS)
        raise NotReadyError(
            "; ".join(
                f"{name} is not ready: {why} (log: {self._programs[name].log})"
                for name, why in reasons.items()
            )
        )

    async def stop(self, *names: str, patience: float | None = None) -> None:
        """Stops all programs, or those named, which are not restarted.

        Sends SIGTERM to all at the same time, waits `patience` seconds so that they can drain,
        then sends SIGKILL.
        """
        if not names:
            self._stopping.set()
        for name in names or tuple(self._programs):
            self._programs.pop(name, None)
            self.send(name, signal.SIGCONT)
            if process := self._processes.get(name):
                send_to_one(process.pid, signal.SIGTERM)
        keepers = [
            keeper
            for keeper in self._keepers
            if not keeper.done() and (not names or keeper.get_name() in {f"keep {n}" for n in names})
        ]
        if not keepers:
            return
        _, late = await asyncio.wait(keepers, timeout=self._patience if patience is None else patience)
        for keeper in late:
            self.send(keeper.get_name().removeprefix("keep "), signal.SIGKILL)
        await asyncio.wait(keepers, timeout=5.0)

    async def _keep(self, program: Program) -> None:
        """Runs a program again and again until it is stopped."""
        step = 0
        while not self._ended(program):
            started = time.monotonic()
            pid, code = await self._run(program)
            if self._ended(program):
                return
            step = 0 if time.monotonic() - started > BACKOFF_RESET_SECONDS else step
            wait = RESTART_BACKOFF_SECONDS[min(step, len(RESTART_BACKOFF_SECONDS) - 1)]
            step += 1
            self._deaths[program.name] = self._deaths.get(program.name, 0) + 1
            self._report(Died(program.name, pid, code, wait))
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._stopping.wait()

    async def _run(self, program: Program) -> tuple[int, int]:
        """Runs the program once; returns its pid and exit code.

        Processes left in its process group are killed.
        """
        process = await self._spawn(program)
        self._processes[program.name] = process
        watch = self._group.create_task(self._watch(program, process), name=f"watch {program.name}")
        rotating = self._group.create_task(log_file.keep_small(program.log), name=f"log of {program.name}")
        try:
            self._report(Started(program.name, process.pid, again=program.name in self._deaths))
            if self._ended(program):  # it was stopped while the process was being started
                send_to_one(process.pid, signal.SIGTERM)
            return process.pid, await process.wait()
        finally:
            watch.cancel()
            rotating.cancel()
            del self._processes[program.name]
            self._ready.discard(program.name)
            send_to_group(process.pid, signal.SIGKILL)

    async def _watch(self, program: Program, process: Process) -> None:
        """Kills the process if it does not answer `/livez` for `frozen_after` seconds.

        Only time in which it was checked counts: after the whole machine slept, the process is not at fault.
        """
        if program.health_port is None or self._frozen_after is None:
            return
        lived, silent = False, 0.0
        while silent <= self._frozen_after:
            began = time.monotonic()
            lives = await alive(program.health_port)
            await asyncio.sleep(LIVENESS_POLL_SECONDS)
            lived = lived or lives
            silent = 0.0 if lives or not lived else silent + min(time.monotonic() - began, MAX_PROBE_SECONDS)
        self._report(Frozen(program.name, process.pid, silent))
        send_to_group(process.pid, signal.SIGKILL)

    def _ended(self, program: Program) -> bool:
        """True if the program should not run any more."""
        return self._stopping.is_set() or program.name not in self._programs

    async def _spawn(self, program: Program) -> Process:
        identity = program.account.identity if program.account else OURS
        with log_file.opened(program.log) as out:
            return await asyncio.create_subprocess_exec(
                *program.command,
                cwd=program.folder,
                env=_environment(program.env),
                stdin=DEVNULL,
                stdout=out,
                stderr=out,
                # Ctrl-C reaches only this process, which stops them; children share its group.
                start_new_session=True,
                preexec_fn=dies_with_parent(),
                **identity,
            )

    async def _unready(self, program: Program) -> str | None:
        """Why a program is not ready; None if it is."""
        if program.name not in self._processes:
            return "it is not running"
        return await unhealthy(program.health_port) if program.health_port else None


def _environment(own: Mapping[str, str | None]) -> dict[str, str]:
    merged = {**os.environ, "PYTHONUNBUFFERED": "1", **own}
    return {name: value for name, value in merged.items() if value is not None}
