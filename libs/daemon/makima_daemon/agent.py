"""One agent on this machine: its process is started, watched, restarted when it crashes, and ended when asked."""

import asyncio
import os
import signal
import time
from collections.abc import Awaitable
from enum import Enum, auto
from typing import Final, TypeVar
from uuid import uuid4

from makima_schemas.agent import Restarts
from makima_schemas.supervisors_agent import SUPERVISOR_ROLE

from makima_daemon import agent_output, environment, event_log
from makima_daemon.calls import TokenRefusedError
from makima_daemon.config import AgentCommand
from makima_daemon.endings import COMMAND_NOT_FOUND, Ending, end_of_process, ending
from makima_daemon.processes import AgentProcess
from makima_daemon.restart_policy import Exhausted
from makima_daemon.state_file import KEPT_CONNECTIONS, AgentRecord
from makima_daemon.surroundings import Surroundings
from makima_daemon.worktrees import WorktreeError

R = TypeVar("R")

STOP_GRACE_SECONDS: Final = 10.0  # between SIGTERM and SIGKILL
# A restart that is asked for again within this time is the same one: makima repeats a signal that may be lost.
REPEATED_WITHIN_SECONDS: Final = 5.0


class Wish(Enum):
    """What a person or makima wants of it."""

    RUN = auto()
    RESTART = auto()
    STOP = auto()
    SUPERSEDED = auto()
    REST = auto()  # nothing: its contract is paused


LEAVING: Final = frozenset({Wish.STOP, Wish.SUPERSEDED, Wish.REST})


class Agent:
    """`run` is its life; the other methods change it. It stays in its record when it has failed, until a person
    restarts it.
    """

    def __init__(self, record: AgentRecord, command: AgentCommand | None, around: Surroundings) -> None:
        self.record = record
        self.process: AgentProcess | None = None
        self._command = command  # None: the settings have none any more
        self._around = around
        self._wish = Wish.RUN
        self._leaves = False  # its life ends, whatever is wished now
        self._woken = asyncio.Event()  # a wish has come: delays end
        self._asked_at = -REPEATED_WITHIN_SECONDS  # for the newest restart; of the loop's clock
        self._unused = record.pid is None  # no process has run under the newest connection

    @property
    def ids(self) -> dict[str, str]:
        """For the log."""
        record = self.record
        return {
            "contract_id": record.contract_id, "role": record.role, "connection_id": record.connection_id
        }  # fmt: skip

    @property
    def is_leaving(self) -> bool:
        """It will not run again: only a new agent of its role will."""
        return self._leaves or self._wish in LEAVING

    def adopt(self, process: AgentProcess, connection_id: str) -> None:
        """Go on with the process that an earlier daemon started; call it before `run`."""
        self.process = process
        others = tuple(each for each in self.record.connections if each != connection_id)
        self._change(
            connections=(*others, connection_id),
            pid=process.id.pid,
            started=process.id.started,
            began=self.record.began or time.time(),
        )

    def restart(self) -> None:
        """As a person asked: end its process, and start another; the count of restarts begins anew."""
        now = asyncio.get_running_loop().time()
        if now - self._asked_at >= REPEATED_WITHIN_SECONDS:
            self._asked_at = now
            self._want(Wish.RESTART)

    def stop(self) -> None:
        """End it on purpose; it leaves."""
        self._change(stopping=True)
        self._want(Wish.STOP)

    def supersede(self) -> None:
        """Another connection is in force: end its process at once, for nothing more may come of it."""
        if self.process is not None:
            self._want(Wish.SUPERSEDED)
            self.process.signal(signal.SIGKILL)

    def hand_over(self, connection_id: str, task_id: str | None) -> None:
        """Makima has put another connection in force: a new process runs under it."""
        self._connect(connection_id)
        self._change(task_id=task_id or self.record.task_id)
        self._want(Wish.RESTART)

    async def run(self) -> None:
        """Until it has left, was superseded, or could not be started at all."""
        if self.record.failed:
            await self._wished()
        elif self.process is None and self.record.pid is not None:
            await self._after(None, "its process ended while no daemon ran")
        while await self._goes_on():
            try:
                process = self.process or await self._unless_wished(self._started())
            except TokenRefusedError as error:
                event_log.warn("agent.not_started", **self.ids, reason=str(error))
                return
            except (OSError, WorktreeError) as error:
                await self._after(COMMAND_NOT_FOUND, f"it cannot be started: {error}")
                continue
            if process is not None:
                code = await self._lived(process)
                await self._after(code, end_of_process(code))

    async def _goes_on(self) -> bool:
        """True if a process is to run. Else makima is told."""
        wish, self._wish = self._wish, Wish.RUN
        record = self.record
        self._leaves = wish in LEAVING
        match wish:
            case Wish.RUN:
                return True
            case Wish.RESTART:
                self._change(attempts=0, failed=False)
                return True
            case Wish.STOP:
                event_log.note("agent.left", **self.ids)
                await self._around.calls.leave(record.contract_id, record.role, record.connection_id)
                return False
            case Wish.REST:
                return False
            case Wish.SUPERSEDED:
                event_log.warn("agent.superseded", **self.ids)
                return False

    async def _started(self) -> AgentProcess:
        """A process under a connection, and with a token, of its own. The record is saved before it starts.

        Raises `TokenRefusedError`, `WorktreeError`, and `OSError` if the command cannot be run.
        """
        around, calls = self._around, self._around.calls
        if self._command is None:
            raise FileNotFoundError(f"the settings have no command for role {self.record.role}")
        contract_id, role = self.record.contract_id, self.record.role
        if not self._unused:
            self._connect(str(uuid4()))
            self._change(pid=None, started=None)
            if role == SUPERVISOR_ROLE:
                await calls.restore(contract_id, self.record.task_id, self.record.connection_id)
        token = await calls.token(contract_id, role, self.record.connection_id)
        folder = await around.worktrees.make(contract_id)
        given = {
            "MAKIMA_URL": around.url,
            "MAKIMA_TOKEN": token,
            "MAKIMA_CONTRACT": contract_id,
            "MAKIMA_ROLE": role,
            "MAKIMA_CONNECTION_ID": self.record.connection_id,
            "MAKIMA_DAEMON": calls.daemon_id,
            "MAKIMA_DAEMON_SOCKET": str(around.workspace.socket),
            "MAKIMA_TASK": self.record.task_id,
        }
        env = environment.of_agent(os.environ, self._command.env, given, around.secrets)
        self._unused = False
        with agent_output.opened(around.workspace.agent_log(contract_id, role)) as log:
            self.process = AgentProcess.start(self._command.command, env=env, folder=folder, log=log)
        process = self.process.id
        self._change(pid=process.pid, started=process.started, began=time.time())
        event_log.note("agent.started", **self.ids, pid=process.pid, attempt=self.record.attempts)
        return self.process

    async def _lived(self, process: AgentProcess) -> int | None:
        """Wait for its end, which may be wished. Returns the exit code, if it can be known."""
        ending_it = asyncio.create_task(self._ended_as_wished(process))
        try:
            code = await process.ended()
        finally:
            ending_it.cancel()
            if not process.alive:
                self.process = None
        event_log.note("agent.ended", **self.ids, exit_code=code, ran_seconds=round(self._ran, 1))
        return code

    async def _ended_as_wished(self, process: AgentProcess) -> None:
        await self._wished()
        await process.end(self._around.grace)

    async def _after(self, code: int | None, reason: str) -> None:
        """What makima is told of an end, and the time until the next process."""
        if self._wish is not Wish.RUN:
            return
        record = self.record
        if code == 0:
            self._want(Wish.STOP)
            return
        calls = self._around.calls
        known = await self._unless_wished(calls.known(record.contract_id, record.role))
        if known is None:
            return
        match ending(code, record.connection_id, frozenset(record.connections), known):
            case Ending.LEFT:
                self._want(Wish.STOP)
            case Ending.REPLACED:
                self._want(Wish.SUPERSEDED)
            case Ending.SUSPENDED:
                event_log.warn("agent.suspended", **self.ids, reason=reason)
                await self._unless_wished(calls.suspended(record.contract_id, record.role, reason))
                self._want(Wish.REST)
            case Ending.CRASHED:
                await self._crashed(reason)

    async def _crashed(self, reason: str) -> None:
        around, record = self._around, self.record
        verdict = around.policy.after_crash(record.attempts, self._ran)
        if isinstance(verdict, Exhausted):
            self._change(failed=True, pid=None, started=None)
            event_log.warn("agent.exhausted", **self.ids, attempts=verdict.attempts, reason=reason)
            await self._unless_wished(around.calls.exhausted(record.contract_id, record.role, reason))
            await self._wished()
            return
        attempt, delay = verdict.attempt, verdict.delay
        restarts = Restarts(attempt, verdict.of, delay)
        self._change(attempts=attempt)
        event_log.warn("agent.restarting", **self.ids, attempt=attempt, delay_seconds=delay, reason=reason)
        await self._unless_wished(around.calls.crashed(record.contract_id, record.role, reason, restarts))
        await self._unless_wished(asyncio.sleep(delay))

    @property
    def _ran(self) -> float:
        """Seconds since its newest process was started."""
        return max(0.0, time.time() - self.record.began)

    def _connect(self, connection_id: str) -> None:
        others = tuple(each for each in self.record.connections if each != connection_id)
        self._change(connections=(*others, connection_id)[-KEPT_CONNECTIONS:])
        self._unused = True

    def _change(self, **members: object) -> None:
        self.record = self.record.model_copy(update=members)
        self._around.changed()

    def _want(self, wish: Wish) -> None:
        self._wish = wish
        self._woken.set()

    async def _wished(self) -> None:
        """Wait for a wish other than to run."""
        while self._wish is Wish.RUN:
            self._woken.clear()
            await self._woken.wait()

    async def _unless_wished(self, work: Awaitable[R]) -> R | None:
        """The result of `work`; None, and it is cancelled, as soon as something else is wished."""
        working, wished = asyncio.ensure_future(work), asyncio.ensure_future(self._wished())
        try:
            await asyncio.wait({working, wished}, return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            working.cancel()
            wished.cancel()
