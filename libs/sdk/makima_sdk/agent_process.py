"""What an agent and a supervisor have in common: one process, its connection, its spool, and its end."""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Final, Self
from uuid import uuid4

from makima_schemas.contract.model import QuestionType
from makima_schemas.times import rfc3339

from makima_sdk import questions
from makima_sdk.agents import Agents, SenderAnswer
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Question
from makima_sdk.outbox import SpoolingOutbox
from makima_sdk.problems import UndeliveredError
from makima_sdk.requests import Requests
from makima_sdk.session import Session
from makima_sdk.signals import SignalHandler
from makima_sdk.spool import Spool

DRAIN_SECONDS: Final = 10.0  # on exit, for what waits in the spool


class AgentProcess(ABC):
    """One process that acts for an agent or a supervisor, as an async context manager.

    Subclasses say what joining, beating and leaving are. `spool` is the path of a file that keeps what could not be
    delivered, also over a kill; without one it is kept in memory.
    """

    def __init__(
        self,
        contract_id: str,
        role: str,
        connection: Connection | None,
        connection_id: str | None,
        *,
        daemon_id: str | None,
        spool: str | os.PathLike[str] | None,
    ) -> None:
        self.contract_id = contract_id
        self.role = role
        self.daemon_id = daemon_id
        self.connection_id = connection_id or str(uuid4())
        self._connection = connection or Connection.default()
        self._quiet_until: datetime | None = None
        self._seq = 0  # of the newest heartbeat
        self._session = Session(
            f"{role} of {contract_id}", self.connection_id, self._join, self._beat, self._quiet_seconds
        )
        self._spool = Spool(spool, f"{contract_id}:{role}")
        self._owned = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self._spool.open()
            opening.callback(self._spool.close)
            self._http = await opening.enter_async_context(Http(self._connection.url, self._connection.token))
            self._agents = Agents(self._http)
            self._requests = Requests(self._http, self._session)
            self._outbox = SpoolingOutbox(self._spool, self._http, self._session)
            self.contracts = Contracts(self._requests)
            await self._outbox.deliver_earlier(self.connection_id, self._join_as)
            opening.push_async_callback(self._session.stop)
            try:
                await self._session.open()
            except asyncio.CancelledError:
                if self._session.is_joined:
                    await self._leave()
                raise
            self._http.retry_for = 0.0  # an old heartbeat proves nothing; `Requests` repeats the others
            self._session.keep(self._outbox.run(), "spool")
            self._opened()
            self._owned = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        lost = self._session.body_ended(error)
        async with self._owned:
            if self._session.lost_because is None:
                is_drained = await self._outbox.drain(DRAIN_SECONDS)
                await self._session.stop()
                if not self._session.lost.is_set():
                    await self._leave()
                    if not is_drained and error is None:
                        self._check_kept()
                elif error is None:
                    lost = self._session.error()
        if lost is not None:
            raise lost from error

    async def deliver_earlier(self) -> None:
        """Deliver what an earlier process left in the spool, before anything is said under this connection. Entering the
        context does it, too. Raises `ProblemError` if the token is not valid, `SpoolError`.
        """
        if self._spool.path is None:
            return
        async with AsyncExitStack() as opened:
            self._spool.open()
            opened.callback(self._spool.close)
            http = await opened.enter_async_context(Http(self._connection.url, self._connection.token))
            self._agents = Agents(http)
            await SpoolingOutbox(self._spool, http, self._session).deliver_earlier(
                self.connection_id, self._join_as
            )

    @property
    def requests(self) -> Requests:
        """For requests of your own in its name: repeated while makima is away, refused once the agent is lost."""
        return self._requests

    @property
    def lost(self) -> asyncio.Event:
        """Set when this process may no longer act for the agent."""
        return self._session.lost

    @property
    def lost_because(self) -> str | None:
        """`superseded`, `timeout`, or the code of a problem; None: it is not lost."""
        return self._session.lost_because

    @property
    def undelivered(self) -> int:
        """How many saves, steps and results wait for makima."""
        return len(self._spool)

    def raise_if_lost(self) -> None:
        """Raises `AgentLostError` if this process may not act any more. Call it before a side effect of your own:
        it asks the clock, so that it is right also in the first moment after a sleep.
        """
        self._session.raise_if_lost()

    def on(self, kind: str, handler: SignalHandler) -> None:
        """Call `handler(signal)` when this happens: `rejoin_required`, `away` (a heartbeat was not answered), `refused`
        (something from the spool; the body tells what, and in `kept_in` the file that has it, if an earlier process left
        it), `superseded`, `timeout`, `lost` (whatever the reason).
        """
        self._session.handlers.add(kind, handler)

    def quiet(self, until: datetime | float | None) -> None:
        """Announce that no heartbeat may come until then, or for so many seconds, by this machine's clock: it is not
        declared dead meanwhile, for at most 4 h. None ends it. Raises `ValueError` for a time without a zone.
        """
        if isinstance(until, datetime) and until.tzinfo is None:
            raise ValueError(
                "give the time with its zone, for example datetime.now(UTC) + timedelta(minutes=5)"
            )
        self._quiet_until = (
            datetime.now(UTC) + timedelta(seconds=until) if isinstance(until, int | float) else until
        )
        self._session.beat_now()

    async def ask(
        self,
        text: str,
        question_type: QuestionType = "text",
        options: Sequence[str] = (),
        *,
        key: str | None = None,
    ) -> str:
        """Ask whoever owns the contract, and wait for the answer without asking for it again and again.

        `key` is the idempotency key: with it, a process that comes back asks the same question, not another one. Raises
        `UnansweredError` if the contract ends first, `ProblemError`, `AgentLostError`.
        """
        answered = await questions.ask(
            self.contracts,
            self._requests,
            self.contract_id,
            text,
            question_type=question_type,
            options=options,
            key=key,
        )
        self._answered(answered)
        return str(answered.answer)

    def _answered(self, question: Question) -> None:
        """Called with each question of its own that was answered; of an agent nothing is saved."""
        del question

    @abstractmethod
    def _opened(self) -> None:
        """Called once it has joined."""

    @abstractmethod
    async def _join(self) -> SenderAnswer: ...

    @abstractmethod
    def _join_as(self, connection_id: str) -> Awaitable[SenderAnswer]:
        """Join with the id of an earlier process, so that what it left behind is taken."""

    @abstractmethod
    async def _beat(self) -> SenderAnswer: ...

    @abstractmethod
    async def _leave(self) -> None: ...

    def _told_of_time(self) -> dict[str, object]:
        """The members that each heartbeat has."""
        # By the clock, so that a process which returns under this connection id, or a second one that beats for it (a
        # wrapped command and its MCP server), goes on where the other was: a lower one would change nothing.
        self._seq = max(self._seq + 1, time.time_ns() // 1_000_000)
        now = datetime.now(UTC)
        quiet = self._quiet_until if self._quiet_until is not None and self._quiet_until > now else None
        members = {
            "daemon_id": self.daemon_id,
            "seq": self._seq,
            "timestamp": rfc3339(now),
            "quiet_until": None if quiet is None else rfc3339(quiet),
        }
        return {name: value for name, value in members.items() if value is not None}

    def _quiet_seconds(self) -> float:
        return (
            0.0
            if self._quiet_until is None
            else max(0.0, (self._quiet_until - datetime.now(UTC)).total_seconds())
        )

    def _check_kept(self) -> None:
        """Raises `UndeliveredError` if what waits is lost with this process."""
        if self._spool.path is None:
            raise UndeliveredError(
                f"{len(self._spool)} saves, steps and results were not delivered, as makima is away: "
                "give the agent a spool file, and they are delivered by the next process"
            )
