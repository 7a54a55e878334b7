"""An agent: joins, beats, works on the tasks of its role, and leaves. asyncio; `makima_sdk.sync` is its other face."""

import os
from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Self

from makima_schemas.heartbeat import MAX_ACTIVITY

from makima_sdk.agent_process import AgentProcess
from makima_sdk.agents import SenderAnswer
from makima_sdk.connection import Connection
from makima_sdk.http import Json
from makima_sdk.paths import path
from makima_sdk.problems import MakimaError
from makima_sdk.spool import STEP
from makima_sdk.work import TaskSource, Work

if TYPE_CHECKING:
    from makima_sdk.child import ChildProcess

LEAVE_SECONDS: Final = 5.0  # for how long an agent tries to say that it leaves
MAX_STEP: Final = 10_000  # characters


class Agent(AgentProcess):
    """One process of an agent: of one role of one contract. Use it as an async context manager.

    ```python
    async with Agent("c1", "builder") as agent:
        async for work in agent.tasks():
            await work.start()
            agent.report(activity=f"builds {work.name}", progress=10)
            await work.complete(result="built")
    ```

    It joins on entry, sends heartbeats from then on, joins again by itself under the same id when makima asks for
    it, and leaves on exit. A new process gets a new `connection_id`; give the one of before only to the same
    process that returns: with it, what the role holds stays with it.

    When it is superseded, or makima acknowledged nothing for the timeout, its side effects must stop: `lost` is
    set, the body is cancelled, and leaving the context raises `AgentLostError`.

    `spool` is the path of a file that keeps steps and results while makima is away, also over a kill of this process.
    """

    def __init__(
        self,
        contract_id: str,
        role: str,
        connection: Connection | None = None,
        connection_id: str | None = None,
        *,
        daemon_id: str | None = None,
        spool: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__(contract_id, role, connection, connection_id, daemon_id=daemon_id, spool=spool)
        self._route = path("contracts", contract_id, "agents", role)
        self._activity = ""
        self._progress: int | None = None
        self._child: ChildProcess | None = None
        self._ending: tuple[str, Json] | None = ("leave", {})  # what it says on exit; null: nothing

    @classmethod
    def default(cls, *, environ: Mapping[str, str] | None = None) -> Self:
        """The agent that the environment names, as a daemon starts it: `MAKIMA_CONTRACT`, `MAKIMA_ROLE`,
        `MAKIMA_CONNECTION_ID`, `MAKIMA_DAEMON`, `MAKIMA_SPOOL`, and the connection's (`Connection.default`).

        Raises `KeyError` if there is no `MAKIMA_CONTRACT` or no `MAKIMA_ROLE`.
        """
        env = os.environ if environ is None else environ
        return cls(
            env["MAKIMA_CONTRACT"],
            env["MAKIMA_ROLE"],
            Connection.default(environ=env),
            env.get("MAKIMA_CONNECTION_ID"),
            daemon_id=env.get("MAKIMA_DAEMON"),
            spool=env.get("MAKIMA_SPOOL"),
        )

    def stay(self) -> None:
        """Do not leave on exit: another process goes on under this connection id. Until it beats, makima waits for
        its heartbeats.
        """
        self._ending = None

    def crash(self, reason: str) -> None:
        """What this agent is has crashed: it is said to be dead on exit, in place of leaving, and keeps its tasks for
        as long as makima lets the dead keep them. `reason` stands in the log.
        """
        self._ending = ("status", {"agent_status": "dead", "reason": reason})

    def report(self, *, activity: str | None = None, progress: int | None = None) -> None:
        """Tell what it does, and how far it is in percent, with the next heartbeat: at once, if the last one is a
        second ago. Raises `ValueError` for a progress that is no percentage.
        """
        if progress is not None and not 0 <= progress <= 100:
            raise ValueError(f"progress {progress} is no percentage: give 0 to 100")
        before = (self._activity, self._progress)
        if activity is not None:
            self._activity = activity[:MAX_ACTIVITY].replace("\0", "")
        self._progress = self._progress if progress is None else progress
        if before != (self._activity, self._progress):
            self._session.beat_now()

    def step(self, text: str) -> None:
        """Tell of a step that was taken: a message of its role in the contract, which stays in its history. It is
        kept while makima is away; if that takes too long, the oldest steps are dropped. Raises `AgentLostError`.
        """
        self._session.raise_if_lost()
        content = text[:MAX_STEP].replace("\0", "")
        self._outbox.keep(
            STEP, path("contracts", self.contract_id, "messages"), {"role": self.role, "content": content}
        )

    def watch(self, pid: int | None) -> None:
        """Tell of this child process, and of the processor time that it uses, in each heartbeat until it ends; None
        ends it now. An agent whose child works is not stuck. One that has ended already is not told of.
        """
        from makima_sdk.child import ChildProcess  # noqa: PLC0415 - it loads psutil

        self._child = None if pid is None else ChildProcess(pid)
        self._session.beat_now()

    def tasks(self) -> AsyncIterator[Work]:
        """The tasks of its role, claimed one after another, as they come; waits for the next one without asking
        again and again. Ends when the contract has ended.
        """
        return self._source.tasks()

    def _opened(self) -> None:
        self._source = TaskSource(
            self.contract_id, self.role, self.connection_id, self._requests, self._outbox
        )

    async def _join(self) -> SenderAnswer:
        return await self._agents.join(self.contract_id, self.role, self.connection_id, **self._members())

    def _join_as(self, connection_id: str) -> Awaitable[SenderAnswer]:
        return self._agents.join(self.contract_id, self.role, connection_id, daemon_id=self.daemon_id)

    async def _beat(self) -> SenderAnswer:
        return await self._agents.heartbeat(
            self.contract_id, self.role, self.connection_id, **self._members()
        )

    def _members(self) -> dict[str, object]:
        child = None if self._child is None else self._child.observe()
        if child is None:
            self._child = None  # it has ended
        members = {"activity": self._activity or None, "progress": self._progress, "child": child}
        given = {name: value for name, value in members.items() if value is not None}
        return self._told_of_time() | given

    async def _leave(self) -> None:
        if self._ending is None:
            return
        step, members = self._ending
        with suppress(MakimaError):
            await self._http.send(
                "POST",
                f"{self._route}/{step}",
                {**members, "connection_id": self.connection_id},
                retry_for=LEAVE_SECONDS,
            )
