"""One connection of an agent or a supervisor: joins, beats, joins again when asked, and stops when it is lost."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from makima_sdk.agents import SenderAnswer
from makima_sdk.clock import elapsed
from makima_sdk.http import is_transient
from makima_sdk.lease import Lease
from makima_sdk.problems import AgentLostError, MakimaError, ProblemError, SupersededError, UnreachableError
from makima_sdk.signals import SignalHandlers

MIN_BEAT_GAP_SECONDS: Final = 1.0  # between two heartbeats, however often their content changes
FIRST_BEAT_RETRY_SECONDS: Final = 0.5  # after a heartbeat that was not answered; doubles up to the interval
LEASE_CHECK_SECONDS: Final = 5.0  # a timer does not notice that the machine was suspended; so look this often
HANDLERS_FINISH_SECONDS: Final = 5.0
JOIN_ANSWER_SECONDS: Final = 2.0  # for how long one that was stopped while it joined waits for the answer
TOO_MANY_REQUESTS: Final = 429

Request = Callable[[], Awaitable[SenderAnswer]]


class Session:
    """Keeps one connection in force while its body runs, and ends the body when it no longer is.

    `join` and `beat` each send one request. `quiet` tells how many seconds of silence the next one announces.
    """

    def __init__(
        self, who: str, connection_id: str, join: Request, beat: Request, quiet: Callable[[], float]
    ) -> None:
        self.who = who  # for errors: `builder of c1`
        self.connection_id = connection_id
        self.lease = Lease()
        self.lost = asyncio.Event()
        self.lost_because: str | None = None
        self.handlers = SignalHandlers()
        self.failures = 0  # heartbeats in a row that nothing answered; 0: makima is there
        # Makima has accepted the join, also where `open` was cancelled before the answer came.
        self.is_joined = False
        self._join = join
        self._beat = beat
        self._quiet = quiet
        self._detail = ""
        self._changed = asyncio.Event()
        self._joining = asyncio.Lock()
        self._sent_at = 0.0  # of the newest heartbeat or join
        self._body: asyncio.Task[object] | None = None  # the task that runs the body of the context
        self._cancelled_body = False
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """Join, and go on beating. Raises `SupersededError`, `ProblemError`, `UnreachableError`.

        If it is cancelled meanwhile, the answer is waited for all the same: `is_joined` tells whether there is something
        to leave.
        """
        joining = asyncio.create_task(self._rejoin())
        try:
            await asyncio.shield(joining)
        except asyncio.CancelledError:
            self.is_joined = await _is_accepted(joining)
            raise
        self.is_joined = True
        self._body = asyncio.current_task()
        self.keep(self._keep_beating(), "heartbeats")
        self.keep(self._watch_lease(), "lease")

    def keep(self, loop: Awaitable[None], name: str) -> None:
        """Run a loop of this connection until it closes; if it fails, the agent is lost."""
        task = asyncio.ensure_future(loop)
        assert isinstance(task, asyncio.Task)
        task.set_name(f"{name} of {self.who}")
        task.add_done_callback(self._loop_ended)
        self._tasks.append(task)

    async def stop(self) -> None:
        """End the loops. What they were doing is cancelled."""
        self._body, tasks = None, self._tasks
        self._tasks = []
        for task in tasks:
            task.cancel()
        for task in tasks:
            with suppress(asyncio.CancelledError):
                await task
        await self.handlers.finish(HANDLERS_FINISH_SECONDS)

    def beat_now(self) -> None:
        """Send a heartbeat as soon as the last one is `MIN_BEAT_GAP_SECONDS` ago: its content changed."""
        self._changed.set()

    def raise_if_lost(self) -> None:
        """Raises `AgentLostError` if this process may not act any more. Asks the clock, so that it is right also
        in the first moment after a sleep.
        """
        self._check_lease()
        if self.lost.is_set():
            raise self.error()

    def error(self) -> AgentLostError:
        because = self.lost_because or "unknown"
        kind = SupersededError if because == "superseded" else AgentLostError
        return kind(self.who, because, self._detail)

    def lose(self, because: str, detail: str) -> None:
        """Stop all side effects: the body is cancelled at its next await. Only the first reason counts."""
        if self.lost.is_set():
            return
        self.lost_because, self._detail = because, detail
        self.lost.set()
        self.handlers.emit(because)
        self.handlers.emit("lost", because=because, detail=detail)
        asyncio.get_running_loop().call_soon(self._cancel_body)

    def body_ended(self, error: BaseException | None) -> AgentLostError | None:
        """What to raise in place of `error`, which ended the body; None: nothing."""
        body, self._body = self._body, None  # what it is lost by from now on cancels nothing
        if not self.lost.is_set():
            return None
        was_ours = error is None or isinstance(error, asyncio.CancelledError | AgentLostError)
        if self._cancelled_body and body is not None and body.uncancel() > 0:
            return None  # somebody else cancels it, too
        return self.error() if was_ours else None

    async def rejoin_required(self) -> None:
        """Makima asked for it: join again under the same id, so that nothing that the role holds is given away."""
        self.handlers.emit("rejoin_required")
        await self._rejoin()

    async def _rejoin(self) -> None:
        async with self._joining:
            quiet, sent_at = self._quiet(), elapsed()
            try:
                answer = await self._join()
            except ProblemError as problem:
                if problem.code == "SUPERSEDED":
                    self.superseded()
                    raise self.error() from problem
                raise
            self._sent_at = sent_at
            if answer.status == "superseded":
                self.superseded()
                raise self.error()
            self._acknowledge(sent_at, answer, quiet)

    def _acknowledge(self, sent_at: float, answer: SenderAnswer, quiet: float) -> None:
        self.lease.acknowledge(sent_at, answer, quiet)
        self.failures = 0

    async def _keep_beating(self) -> None:
        while not self.lost.is_set():
            await self._wait_for_next_beat()
            if self._check_lease():
                return
            self._changed.clear()
            try:
                await self._beat_once()
            except (UnreachableError, ProblemError) as error:
                self._note_failure(error)

    async def _beat_once(self) -> None:
        quiet, sent_at = self._quiet(), elapsed()
        self._sent_at = sent_at
        answer = await self._beat()
        match answer.status:
            case "superseded":
                self.superseded()
            case "rejoin_required":
                await self.rejoin_required()
            case _:
                self._acknowledge(sent_at, answer, quiet)

    async def _wait_for_next_beat(self) -> None:
        """Until the interval is over, or the content changed; after a failure, sooner."""
        wait = self.lease.interval_seconds
        if self.failures:
            wait = min(wait, FIRST_BEAT_RETRY_SECONDS * 2 ** min(self.failures - 1, 10))
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, self._sent_at + wait - elapsed())):
                await self._changed.wait()
        gap = min(MIN_BEAT_GAP_SECONDS, self.lease.interval_seconds)
        await asyncio.sleep(max(0.0, min(self._sent_at + gap - elapsed(), gap)))

    def _note_failure(self, error: UnreachableError | ProblemError) -> None:
        """An outage is waited for, as long as the lease runs; a refusal that will not go away ends this agent."""
        if isinstance(error, ProblemError) and not self.is_passing(error):
            self.lose(error.code, error.detail)
            return
        self.failures += 1
        if self.failures == 1:
            self.handlers.emit("away", reason=str(error))

    @staticmethod
    def is_passing(error: UnreachableError | ProblemError) -> bool:
        """True if the same request may succeed later."""
        return is_transient(error) or (isinstance(error, ProblemError) and error.status == TOO_MANY_REQUESTS)

    async def _watch_lease(self) -> None:
        while not self._check_lease():
            with suppress(TimeoutError):
                async with asyncio.timeout(
                    min(max(self.lease.expires_at - elapsed(), 0.0), LEASE_CHECK_SECONDS)
                ):
                    await self.lost.wait()

    def _check_lease(self) -> bool:
        """True if this process is lost."""
        if not self.lost.is_set() and self.lease.expires_at <= elapsed():
            self.lose("timeout", f"makima acknowledged nothing for {self.lease.timeout_seconds:g} s")
        return self.lost.is_set()

    def superseded(self) -> None:
        """Makima said so: this connection is fenced for good."""
        self.lose("superseded", "a newer process is in force")

    def _cancel_body(self) -> None:
        if self._body is not None and not self._body.done():
            self._cancelled_body = self._body.cancel()

    def _loop_ended(self, task: asyncio.Task[None]) -> None:
        if task.cancelled() or (error := task.exception()) is None:
            return
        if not isinstance(error, AgentLostError):
            self.lose("failed", f"{type(error).__name__}: {error}")


async def _is_accepted(joining: asyncio.Task[None]) -> bool:
    try:
        async with asyncio.timeout(JOIN_ANSWER_SECONDS):
            await joining
    except (MakimaError, TimeoutError):
        return False
    return True
