"""The runner: keeps each program running as a process of its own, and ends them all with itself."""

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
from makima_local.parent import dies_with_parent
from makima_local.probe import alive, unready

# The first restart comes at once: most deaths are accidents. Who dies again soon waits longer each time.
RESTART_BACKOFF_SECONDS = (0.0, 0.25, 0.5, 1.0, 2.0, 4.0)
BACKOFF_RESET_SECONDS = 10.0  # who lived this long starts again at the first step
MAX_DEATHS_BEFORE_READY = 4  # deaths before it was ever ready
READY_POLL_SECONDS = 0.05
LIVENESS_POLL_SECONDS = 1.0
MAX_PROBE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to run. Without a health port it counts as ready once it runs."""

    name: str
    command: tuple[str, ...]
    folder: Path
    log: Path
    health_port: int | None = None
    env: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Started:
    name: str
    pid: int
    again: bool


@dataclass(frozen=True, slots=True)
class Died:
    """`exit_code` is negative for the signal that killed it; it is started again after `wait` seconds."""

    name: str
    pid: int
    exit_code: int
    wait: float


@dataclass(frozen=True, slots=True)
class Ready:
    """For the first time in its life, while `Runner.ready` waits."""

    name: str


@dataclass(frozen=True, slots=True)
class Frozen:
    """It runs, but has not said that it lives for so many seconds: it is killed, and started again like any that died."""

    name: str
    pid: int
    seconds: float


Report = Started | Died | Ready | Frozen


class NotReadyError(RuntimeError):
    """Some programs did not become ready; says which, and why."""


class Runner:
    """`async with Runner(report) as runner:` — leaving the block stops everything. Enter it on the main thread (`parent.py`).

    A program that lived and then fails `/livez` for more than `frozen_after` seconds is killed; None: nobody looks.
    """

    def __init__(
        self, report: Callable[[Report], None] = lambda _: None, *, patience: float = 20.0, frozen_after: float | None = None
    ) -> None:
        self._report = report
        self._patience = patience
        self._frozen_after = frozen_after
        self._programs: dict[str, Program] = {}
        self._processes: dict[str, Process] = {}
        self._deaths: dict[str, int] = {}
        self._ready: set[str] = set()
        self._keepers: set[asyncio.Task[None]] = set()
        self._stopping = asyncio.Event()
        self._group = asyncio.TaskGroup()

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        await self.stop()
        await self._group.__aexit__(None, None, None)  # an error in the block is the caller's, and goes on

    def start(self, program: Program) -> None:
        self._programs[program.name] = program
        keeper = self._group.create_task(self._keep(program), name=f"keep {program.name}")
        self._keepers.add(keeper)

    @property
    def pids(self) -> dict[str, int]:
        return {name: process.pid for name, process in self._processes.items()}

    def alive(self, name: str) -> bool:
        return name in self._processes

    def send(self, name: str, what: signal.Signals) -> None:
        """A signal to one program and its children; tests kill (SIGKILL), freeze (SIGSTOP) and thaw (SIGCONT) with it."""
        if process := self._processes.get(name):
            _send(process.pid, what)

    async def ready(self, timeout: float = 60.0) -> None:
        """Wait until every program answers `/readyz` with 200. Raises `NotReadyError` in time, or at once for one that keeps dying."""
        reasons: dict[str, str] = {}
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            found = await asyncio.gather(*(self._unready(program) for program in self._programs.values()))
            reasons = {name: why for name, why in zip(self._programs, found, strict=True) if why is not None}
            for name in self._processes.keys() - reasons.keys() - self._ready:
                self._ready.add(name)
                self._report(Ready(name))
            if not reasons:
                return
            hopeless = [name for name in reasons if self._deaths.get(name, 0) >= MAX_DEATHS_BEFORE_READY]
            if hopeless:
                raise NotReadyError("; ".join(f"{name} keeps dying: {log_file.last_words(self._programs[name].log)}" for name in hopeless))
            await asyncio.sleep(READY_POLL_SECONDS)
        raise NotReadyError("; ".join(f"{name} is not ready: {why} (log: {self._programs[name].log})" for name, why in reasons.items()))

    async def stop(self, *names: str, patience: float | None = None) -> None:
        """SIGTERM to all at once (or to those named, which then stay stopped), time to drain, then SIGKILL."""
        if not names:
            self._stopping.set()
        for name in names or tuple(self._programs):
            self._programs.pop(name, None)
            self.send(name, signal.SIGCONT)
            if process := self._processes.get(name):
                _send_one(process.pid, signal.SIGTERM)
        keepers = [
            keeper for keeper in self._keepers if not keeper.done() and (not names or keeper.get_name() in {f"keep {n}" for n in names})
        ]
        if not keepers:
            return
        _, late = await asyncio.wait(keepers, timeout=self._patience if patience is None else patience)
        for keeper in late:
            self.send(keeper.get_name().removeprefix("keep "), signal.SIGKILL)
        await asyncio.wait(keepers, timeout=5.0)

    async def _keep(self, program: Program) -> None:
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
        """One life of it: its pid and exit code. Whatever it leaves behind in its process group ends with it."""
        process = await self._spawn(program)
        self._processes[program.name] = process
        watch = self._group.create_task(self._watch(program, process), name=f"watch {program.name}")
        try:
            self._report(Started(program.name, process.pid, again=program.name in self._deaths))
            if self._ended(program):  # while it was being started
                _send_one(process.pid, signal.SIGTERM)
            return process.pid, await process.wait()
        finally:
            watch.cancel()
            del self._processes[program.name]
            self._ready.discard(program.name)
            _send(process.pid, signal.SIGKILL)

    async def _watch(self, program: Program, process: Process) -> None:
        """Time counts only while we look: when the whole machine slept, nobody is to blame."""
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
        _send(process.pid, signal.SIGKILL)

    def _ended(self, program: Program) -> bool:
        return self._stopping.is_set() or program.name not in self._programs

    async def _spawn(self, program: Program) -> Process:
        with log_file.opened(program.log) as out:
            return await asyncio.create_subprocess_exec(
                *program.command,
                cwd=program.folder,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **program.env},
                stdin=DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,  # Ctrl-C is for us, who drain them; and its children are in its group
                preexec_fn=dies_with_parent(),
            )

    async def _unready(self, program: Program) -> str | None:
        if program.name not in self._processes:
            return "it does not run"
        return await unready(program.health_port) if program.health_port else None


def _send(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, what)


def _send_one(pid: int, what: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, what)
