"""Delivers the entries of a spool in order, each once, as soon as makima is there."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Final

from makima_sdk.agents import SenderAnswer
from makima_sdk.http import Answer, Http, Json
from makima_sdk.problems import AgentLostError, ProblemError, UnreachableError
from makima_sdk.session import Session
from makima_sdk.spool import Spool
from makima_sdk.spool_format import Entry

FIRST_REDELIVERY_SECONDS: Final = 0.2  # after a failure; doubles
MAX_REDELIVERY_SECONDS: Final = 5.0
MAX_REJOINS_PER_ENTRY: Final = 3
UNAUTHORIZED: Final = 401
# makima may read a supervisor's first heartbeat after its first save: so often a save is tried again, in about 30 s.
MAX_UNREGISTERED_RETRIES: Final = 10

JoinAs = Callable[[str], Awaitable[SenderAnswer]]  # joins with another connection id than the session's

_logger: Final = logging.getLogger(__name__)


class SpoolingOutbox:
    """Everything that is delivered goes through the spool first, so that a kill at any moment loses nothing."""

    def __init__(self, spool: Spool, http: Http, session: Session) -> None:
        self._spool, self._http, self._session = spool, http, session
        self._outcomes: dict[int, asyncio.Future[Answer]] = {}  # of those that somebody waits for
        self._came = asyncio.Event()
        self._away = asyncio.Event()  # the last attempt was not answered
        self._empty = asyncio.Event()
        self._unregistered = 0  # refusals in a row because the supervisor is not known yet
        self._note_length()

    @property
    def waiting(self) -> int:
        """Entries that were not delivered yet."""
        return len(self._spool)

    async def deliver(self, kind: str, route: str, body: Json) -> Answer | None:
        """Deliver it after all that was given before; None: makima is away, and it is kept.

        Raises `ProblemError` if it is refused (of what was kept, the signal `refused` tells), `AgentLostError`,
        `SpoolFullError`, `SpoolError`.
        """
        self._session.raise_if_lost()
        entry = self.keep(kind, route, body)
        if entry is None:
            return None
        outcome: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._outcomes[entry.seq] = outcome
        others = [asyncio.ensure_future(event.wait()) for event in (self._away, self._session.lost)]
        try:
            await asyncio.wait({outcome, *others}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for other in others:
                other.cancel()
            self._outcomes.pop(entry.seq, None)
        if outcome.done():
            return outcome.result()
        self._session.raise_if_lost()
        return None

    def keep(self, kind: str, route: str, body: Json) -> Entry | None:
        """Have it delivered after all that was given before, and wait for nothing; None: a step was dropped.

        Raises `SpoolFullError`, `SpoolError`.
        """
        entry = self._spool.put(kind, route, body, self._session.connection_id)
        self._note_length()
        return entry

    async def run(self) -> None:
        """Deliver until cancelled, or the agent is lost."""
        delay = FIRST_REDELIVERY_SECONDS
        while not self._session.lost.is_set():
            entry = self._spool.first()
            if entry is None:
                self._came.clear()
                await self._came.wait()
                continue
            try:
                self._session.raise_if_lost()
                await self._deliver_one(entry)
                self._away.clear()
                delay = FIRST_REDELIVERY_SECONDS
            except UnreachableError:
                self._away.set()
                await asyncio.sleep(delay)
                delay = min(delay * 2, MAX_REDELIVERY_SECONDS)
            except AgentLostError:
                return  # what waits stays in the spool, for the process that comes after this one

    async def drain(self, timeout: float) -> bool:
        """Wait until all is delivered or the agent is lost, at most `timeout` seconds. False: something waits still."""
        ends = [asyncio.ensure_future(event.wait()) for event in (self._empty, self._session.lost)]
        try:
            await asyncio.wait(ends, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for end in ends:
                end.cancel()
        return not self._spool

    async def deliver_earlier(self, connection_id: str, join_as: JoinAs) -> None:
        """Deliver what an earlier process left behind in its own name, before this one joins with another id and
        fences it. Where makima asks for it, that connection joins again first.

        What the earlier process may not say any more, or the token may not say for it, is refused, and kept in the
        file of what was refused. Waits for a makima that is away, as joining does, and returns if it stays away:
        joining will say so. Raises `ProblemError` if the token is not valid, `SpoolError`.
        """
        rejoins = 0
        while (entry := self._spool.first()) is not None and entry.connection_id != connection_id:
            try:
                self._finish(entry, await self._send(entry, self._http.retry_for))
            except UnreachableError:
                return
            except ProblemError as problem:
                if problem.code == "REJOIN_REQUIRED" and rejoins < MAX_REJOINS_PER_ENTRY:
                    rejoins += 1
                    with suppress(ProblemError, UnreachableError):
                        await join_as(entry.connection_id)
                    continue
                if problem.status == UNAUTHORIZED:
                    raise
                self._refuse(entry, problem)

    async def _deliver_one(self, entry: Entry) -> None:
        """Raises `UnreachableError` if it must be tried again, `AgentLostError`."""
        for _ in range(MAX_REJOINS_PER_ENTRY):
            try:
                answer = await self._send(entry)
            except ProblemError as problem:
                if problem.code == "REJOIN_REQUIRED":
                    await self._rejoin(problem)
                    continue
                if problem.code == "SUPERVISOR_NOT_FOUND" and self._unregistered < MAX_UNREGISTERED_RETRIES:
                    self._unregistered += 1
                    raise UnreachableError(self._http.url, str(problem)) from problem
                if problem.status == UNAUTHORIZED:  # it may be delivered with another token
                    self._session.lose(problem.code, problem.detail)
                    raise self._session.error() from problem
                self._refuse(entry, problem)
                return
            self._unregistered = 0
            self._finish(entry, answer)
            return
        raise UnreachableError(self._http.url, "it asks again and again to join")

    async def _send(self, entry: Entry, retry_for: float = 0.0) -> Answer:
        """Raises `UnreachableError` if makima may take it later, `ProblemError` if it does not take it."""
        try:
            return await self._http.send("POST", entry.route, entry.body, key=entry.key, retry_for=retry_for)
        except ProblemError as problem:
            if self._session.is_passing(problem):
                raise UnreachableError(self._http.url, str(problem)) from problem
            raise

    async def _rejoin(self, refusal: ProblemError) -> None:
        try:
            await self._session.rejoin_required()
        except ProblemError as problem:
            raise UnreachableError(self._http.url, str(problem)) from refusal

    def _finish(self, entry: Entry, answer: Answer) -> None:
        self._spool.finish(entry.seq)
        self._note_length()
        outcome = self._outcomes.get(entry.seq)
        if outcome is not None and not outcome.done():
            outcome.set_result(answer)

    def _refuse(self, entry: Entry, problem: ProblemError) -> None:
        kept_in = None
        if entry.connection_id == self._session.connection_id:
            self._spool.finish(entry.seq)
            _logger.warning("a %s was refused: %s", entry.kind, problem)
        else:
            kept_in = self._spool.set_aside(entry, problem)
            _logger.warning(
                "a %s of an earlier process was refused, and is kept in %s: %s", entry.kind, kept_in, problem
            )
        self._note_length()
        self._session.handlers.emit(
            "refused",
            kind=entry.kind,
            route=entry.route,
            body=entry.body,
            code=problem.code,
            detail=problem.detail,
            kept_in=None if kept_in is None else str(kept_in),
        )
        error: Exception = problem
        if problem.code == "SUPERSEDED" and entry.connection_id == self._session.connection_id:
            self._session.superseded()
            error = self._session.error()
        outcome = self._outcomes.get(entry.seq)
        if outcome is not None and not outcome.done():
            outcome.set_exception(error)

    def _note_length(self) -> None:
        if self._spool:
            self._empty.clear()
            self._came.set()
        else:
            self._empty.set()
