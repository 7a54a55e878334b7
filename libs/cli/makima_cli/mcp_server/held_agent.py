"""The agent behind an MCP server: joined when it can be, kept in force, and told of to the model when it is not."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self, TypeVar
from uuid import uuid4

from makima_sdk.agent import Agent
from makima_sdk.connection import Connection
from makima_sdk.models import Task
from makima_sdk.problems import AgentLostError, MakimaError, ProblemError, UnreachableError
from makima_sdk.work import Work
from mcp.server.mcpserver.exceptions import ToolError

from makima_cli.agent_identity import Identity

R = TypeVar("R")

CALL_SECONDS: Final = 45.0  # for a tool that waits for nobody: most clients give up after 60
TRY_LATER: Final = "makima does not answer now; try again in a minute"


class HeldAgent:
    """Joins in the background; a call of a tool joins again if that failed. Use it as an async context manager."""

    def __init__(self, connection: Connection, identity: Identity) -> None:
        self.identity = identity
        self.works: dict[str, Work] = {}  # by task id: claimed and not finished
        self._connection = connection
        self._connection_id = identity.connection_id or str(uuid4())
        self._holding: asyncio.Task[None] | None = None
        self._agent: asyncio.Future[Agent] | None = None
        self._ending = asyncio.Event()

    async def __aenter__(self) -> Self:
        self._join()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        if self._holding is not None:
            await self._holding

    @asynccontextmanager
    async def acting(self, seconds: float = CALL_SECONDS) -> AsyncGenerator[Agent]:
        """The agent, for at most `seconds`. Raises `ToolError` with what to do for all that makima refuses."""
        try:
            async with asyncio.timeout(seconds):
                yield await self._joined()
        except TimeoutError as error:
            raise ToolError(TRY_LATER) from error
        except ProblemError as problem:
            raise ToolError(_message(problem)) from problem
        except UnreachableError as error:
            raise ToolError(f"{error}: {TRY_LATER}") from error
        except AgentLostError as error:
            raise ToolError(f"{error}. {_what_to_do(error)}") from error

    async def unless_lost(self, agent: Agent, waiting: Awaitable[R], seconds: float) -> R | None:
        """What `waiting` answers; None if it takes longer. Raises `AgentLostError` as soon as the agent is lost."""
        wait, lost = asyncio.ensure_future(waiting), asyncio.ensure_future(agent.lost.wait())
        try:
            await asyncio.wait({wait, lost}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
            agent.raise_if_lost()
            return wait.result() if wait.done() else None
        finally:
            for one in (wait, lost):
                one.cancel()
            await asyncio.gather(wait, lost, return_exceptions=True)

    def is_mine(self, task: Task) -> bool:
        """True if the task was claimed by this connection."""
        return task.connection_id == self._connection_id

    async def _joined(self) -> Agent:
        if self._holding is None or self._holding.done():
            self._join()
        assert self._agent is not None
        return await asyncio.shield(self._agent)

    def _join(self) -> None:
        self._agent = asyncio.get_running_loop().create_future()
        self._agent.add_done_callback(_looked_at)
        self._holding = asyncio.create_task(self._hold(self._agent))

    async def _hold(self, joined: asyncio.Future[Agent]) -> None:
        """In a task of its own, which the SDK cancels when the agent is lost."""
        who = self.identity
        agent = Agent(who.contract_id, who.role, self._connection, self._connection_id)
        try:
            async with agent:
                if who.connection_id is not None:
                    agent.stay()
                joined.set_result(agent)
                await self._ending.wait()
        except MakimaError as error:
            if joined.done():
                self.works.clear()  # a new agent finds what it holds
            else:
                joined.set_exception(error)


def _looked_at(joined: asyncio.Future[Agent]) -> None:
    """So that a join that nobody waits for does not complain at the end."""
    if not joined.cancelled():
        joined.exception()


def _message(problem: ProblemError) -> str:
    members = [
        f"{name}: {problem.body[name]}"
        for name in ("missing", "allowed", "valid", "errors")
        if name in problem.body
    ]
    return "; ".join(
        [f"{problem.code}: {problem.detail}", *members, *([problem.hint] if problem.hint else [])]
    )


def _what_to_do(error: AgentLostError) -> str:
    if error.because == "superseded":
        return "Another process is this agent now: stop working"
    return "Call again to join again; what it held may be with another agent by then"
