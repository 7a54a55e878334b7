"""An agent: joins, beats, works on the tasks of its role, and leaves. asyncio; `makima_sdk.sync` is its other face."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, suppress
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from makima_schemas.heartbeat import MAX_ACTIVITY

from makima_sdk.agents import Agents, SenderAnswer
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Answer, Http, Json
from makima_sdk.paths import path
from makima_sdk.problems import MakimaError
from makima_sdk.requests import Requests
from makima_sdk.session import Session
from makima_sdk.signals import SignalHandler
from makima_sdk.work import TaskSource, Work

LEAVE_SECONDS: Final = 5.0  # for how long an agent tries to say that it leaves


class Agent:
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
    """

    def __init__(
        self,
        contract_id: str,
        role: str,
        connection: Connection | None = None,
        connection_id: str | None = None,
        daemon_id: str | None = None,
    ) -> None:
        self.contract_id = contract_id
        self.role = role
        self.daemon_id = daemon_id
        self.connection_id = connection_id or str(uuid4())
        self._route = path("contracts", contract_id, "agents", role)
        self._connection = connection or Connection.default()
        self._activity = ""
        self._progress: int | None = None
        self._seq = 0  # of the newest heartbeat
        self._session = Session(f"{role} of {contract_id}", self._join, self._beat, lambda: 0.0)
        self._owned = AsyncExitStack()

    @classmethod
    def default(cls, *, environ: Mapping[str, str] | None = None) -> Self:
        """The agent that the environment names, as a daemon starts it: `MAKIMA_CONTRACT`, `MAKIMA_ROLE`,
        `MAKIMA_CONNECTION_ID`, `MAKIMA_DAEMON`, and the connection's (`Connection.default`).

        Raises `KeyError` if there is no `MAKIMA_CONTRACT` or no `MAKIMA_ROLE`.
        """
        env = os.environ if environ is None else environ
        return cls(
            env["MAKIMA_CONTRACT"],
            env["MAKIMA_ROLE"],
            Connection.default(environ=env),
            env.get("MAKIMA_CONNECTION_ID"),
            env.get("MAKIMA_DAEMON"),
        )

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self._http = await opening.enter_async_context(Http(self._connection.url, self._connection.token))
            self._requests = Requests(self._http, self._session)
            self.contracts = Contracts(self._requests)
            self._agents = Agents(self._http)
            opening.push_async_callback(self._session.stop)
            await self._session.open()
            self._http.retry_for = (
                0.0  # an old heartbeat proves nothing; the others are repeated by `Requests`
            )
            self._source = TaskSource(self.contract_id, self.role, self.connection_id, self._requests, self)
            self._owned = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lost = self._session.body_ended(error)
        async with self._owned:
            await self._session.stop()
            if self._session.lost_because is None:
                await self._leave()
        if lost is not None:
            raise lost from error

    @property
    def lost(self) -> asyncio.Event:
        """Set when this process may no longer act for the agent."""
        return self._session.lost

    @property
    def lost_because(self) -> str | None:
        """`superseded`, `timeout`, or the code of a problem; None: it is not lost."""
        return self._session.lost_because

    def raise_if_lost(self) -> None:
        """Raises `AgentLostError` if this process may not act any more. Call it before a side effect of your own: it
        asks the clock, and so is right also in the first moment after a sleep.
        """
        self._session.raise_if_lost()

    def on(self, kind: str, handler: SignalHandler) -> None:
        """Call `handler(signal)` when this happens: `superseded`, `rejoin_required`, `away` (a heartbeat was not
        answered), `lost`.
        """
        self._session.handlers.add(kind, handler)

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

    def tasks(self) -> AsyncIterator[Work]:
        """The tasks of its role, claimed one after another, as they come; waits for the next one without asking
        again and again. Ends when the contract has ended.
        """
        return self._source.tasks()

    async def deliver(self, kind: str, route: str, body: Json) -> Answer | None:
        """Send what must not be lost: a result, for example."""
        del kind
        return await self._requests.send("POST", route, body)

    async def _join(self) -> SenderAnswer:
        return await self._agents.join(
            self.contract_id, self.role, self.connection_id, daemon_id=self.daemon_id
        )

    async def _beat(self) -> SenderAnswer:
        return await self._agents.heartbeat(
            self.contract_id, self.role, self.connection_id, **self._members()
        )

    def _members(self) -> dict[str, object]:
        self._seq += 1
        members = {
            "daemon_id": self.daemon_id,
            "seq": self._seq,
            "activity": self._activity or None,
            "progress": self._progress,
        }
        return {name: value for name, value in members.items() if value is not None}

    async def _leave(self) -> None:
        with suppress(MakimaError):
            await self._http.send(
                "POST",
                f"{self._route}/leave",
                {"connection_id": self.connection_id},
                retry_for=LEAVE_SECONDS,
            )
