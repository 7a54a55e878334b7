"""The same agents and supervisors for programs without asyncio: a thread of its own beats, whatever the program does.

```python
from makima_sdk.sync import Agent

with Agent("c1", "builder") as agent:
    for work in agent.tasks():
        work.start()
        work.complete(result="built")
```

A handler (`agent.on`) runs in a thread of its own. No thread can be cancelled: once the agent is lost, `agent.lost` is set and every call raises `AgentLostError`. Ask
`agent.raise_if_lost()` before a side effect of your own.
"""

import asyncio
import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

from makima_schemas.contract.model import QuestionType
from makima_schemas.supervisor import SupervisorState

from makima_sdk import agent as asyncio_agent
from makima_sdk import saves as asyncio_saves
from makima_sdk import supervisor as asyncio_supervisor
from makima_sdk import work as asyncio_work
from makima_sdk.agent_process import AgentProcess
from makima_sdk.loop_thread import LoopThread
from makima_sdk.models import Task
from makima_sdk.problems import MakimaError
from makima_sdk.signals import Signal, SignalHandler

P = TypeVar("P", bound=AgentProcess)
Json = Mapping[str, object]


class _Face(Generic[P]):
    """What the agent and the supervisor here have in common."""

    def __init__(self, process: P) -> None:
        self._process = process
        self.lost = threading.Event()  # set when this process may no longer act for the agent
        process.on("lost", lambda _: self.lost.set())

    @property
    def connection_id(self) -> str:
        return self._process.connection_id

    @property
    def lost_because(self) -> str | None:
        """`superseded`, `timeout`, or the code of a problem; None: it is not lost."""
        return self._process.lost_because

    @property
    def undelivered(self) -> int:
        """How many saves, steps and results wait for makima."""
        return self._process.undelivered

    def __enter__(self) -> Self:
        self._thread = LoopThread(f"{self._process.role} of {self._process.contract_id}")
        self._leaving = self._thread.call(asyncio.Event)
        self._entered = threading.Event()
        self._living = asyncio.run_coroutine_threadsafe(self._live(), self._thread.loop)
        self._living.add_done_callback(lambda _: self._entered.set())
        try:
            self._entered.wait()
            if self._living.done():
                self._living.result()
        except BaseException:
            self._living.cancel()
            self._thread.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._thread.loop.call_soon_threadsafe(self._leaving.set)
        try:
            self._living.result()
        except MakimaError as ended:
            if error is None or isinstance(error, MakimaError):
                raise ended from error
        finally:
            self._thread.close()

    def raise_if_lost(self) -> None:
        """Raises `AgentLostError` if this process may not act any more."""
        self._thread.call(self._process.raise_if_lost)

    def on(self, kind: str, handler: SignalHandler) -> None:
        """Call `handler(signal)` when this happens, as `makima_sdk.Agent.on` tells: in a thread of its own, so that it may
        call the agent, and take its time.
        """

        async def handle(signal: Signal) -> None:
            result = await asyncio.to_thread(handler, signal)
            if inspect.isawaitable(result):
                await result

        self._process.on(kind, handle)

    def quiet(self, until: datetime | float | None) -> None:
        self._thread.call(lambda: self._process.quiet(until))

    def ask(
        self,
        text: str,
        question_type: QuestionType = "text",
        options: Sequence[str] = (),
        *,
        key: str | None = None,
    ) -> str:
        """Ask whoever owns the contract, and wait for the answer."""
        return self._thread.run(self._process.ask(text, question_type, options, key=key))

    async def _live(self) -> None:
        """The whole life of the agent, in one task of the loop."""
        async with self._process:
            self._entered.set()
            await self._leaving.wait()


class Work:
    """A task that the agent has claimed."""

    def __init__(self, work: asyncio_work.Work, thread: LoopThread) -> None:
        self._work, self._thread = work, thread

    @property
    def task(self) -> Task:
        return self._work.task

    @property
    def id(self) -> str:
        return self._work.id

    @property
    def name(self) -> str:
        return self._work.name

    def start(self) -> None:
        self._thread.run(self._work.start())

    def release(self) -> None:
        self._thread.run(self._work.release())

    def complete(self, *, success: bool = True, result: str | None = None) -> None:
        self._thread.run(self._work.complete(success=success, result=result))

    def handoff(self, to_role: str, *, result: str | None = None) -> None:
        self._thread.run(self._work.handoff(to_role, result=result))


class Agent(_Face[asyncio_agent.Agent]):
    """`makima_sdk.Agent` without asyncio; it takes the same arguments."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(asyncio_agent.Agent(*arguments, **named))

    @classmethod
    def default(cls) -> Self:
        """The agent that the environment names: `makima_sdk.Agent.default`."""
        made = cls.__new__(cls)
        _Face.__init__(made, asyncio_agent.Agent.default())
        return made

    def report(self, *, activity: str | None = None, progress: int | None = None) -> None:
        self._thread.call(lambda: self._process.report(activity=activity, progress=progress))

    def step(self, text: str) -> None:
        self._thread.call(lambda: self._process.step(text))

    def watch(self, pid: int | None) -> None:
        self._thread.call(lambda: self._process.watch(pid))

    def stay(self) -> None:
        self._process.stay()

    def crash(self, reason: str) -> None:
        self._process.crash(reason)

    def tasks(self) -> Iterator[Work]:
        """The tasks of its role, claimed one after another, as they come."""
        coming = self._process.tasks()

        async def following() -> asyncio_work.Work | None:
            return await anext(coming, None)

        while (work := self._thread.run(following())) is not None:
            yield Work(work, self._thread)


class Saves:
    """`makima_sdk.saves.Saves` without asyncio."""

    def __init__(self, saves: asyncio_saves.Saves, thread: LoopThread) -> None:
        self._saves, self._thread = saves, thread

    def conversation(self, messages: Sequence[Json]) -> int | None:
        return self._thread.run(self._saves.conversation(messages))

    def task_spawned(self, task_id: str) -> int | None:
        return self._thread.run(self._saves.task_spawned(task_id))

    def waiting_on(self, task_ids: Sequence[str]) -> int | None:
        return self._thread.run(self._saves.waiting_on(task_ids))

    def question(self, question: Json) -> int | None:
        return self._thread.run(self._saves.question(question))

    def phase(self, phase: str) -> int | None:
        return self._thread.run(self._saves.phase(phase))

    def checkpoint(self, checkpoint: Json) -> int | None:
        return self._thread.run(self._saves.checkpoint(checkpoint))

    def activity(self, activity: str, progress: int | None = None) -> int | None:
        return self._thread.run(self._saves.activity(activity, progress))

    def error(self, message: str) -> int | None:
        return self._thread.run(self._saves.error(message))


class Supervisor(_Face[asyncio_supervisor.Supervisor]):
    """`makima_sdk.Supervisor` without asyncio; it takes the same arguments."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(asyncio_supervisor.Supervisor(*arguments, **named))

    @classmethod
    def default(cls) -> Self:
        """The supervisor that the environment names: `makima_sdk.Supervisor.default`."""
        made = cls.__new__(cls)
        _Face.__init__(made, asyncio_supervisor.Supervisor.default())
        return made

    @classmethod
    def restore(cls, *arguments: Any, **named: Any) -> Self:
        """The supervisor that goes on from what was saved: `makima_sdk.Supervisor.restore`."""
        made = cls.__new__(cls)
        _Face.__init__(made, asyncio.run(asyncio_supervisor.Supervisor.restore(*arguments, **named)))
        return made

    @property
    def restored(self) -> asyncio_supervisor.Restoration | None:
        return self._process.restored

    @property
    def save(self) -> Saves:
        return Saves(self._process.save, self._thread)

    def report(
        self,
        state: SupervisorState | str | None = None,
        *,
        phase: str | None = None,
        activity: str | None = None,
        progress: int | None = None,
        pending_task_ids: tuple[str, ...] | None = None,
    ) -> None:
        self._thread.call(
            lambda: self._process.report(
                state, phase=phase, activity=activity, progress=progress, pending_task_ids=pending_task_ids
            )
        )
