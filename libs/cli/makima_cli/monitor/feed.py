"""Feeds the state from the server, and writes what a person decided: all effects of the monitor but the screen."""

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from datetime import UTC, datetime, timedelta
from typing import Final

from makima_sdk.agents import AgentRecord, Agents
from makima_sdk.connection import Connection
from makima_sdk.contracts import Contracts
from makima_sdk.http import Http
from makima_sdk.models import Contract, Page
from makima_sdk.monitoring import Filter
from makima_sdk.monitoring import monitor as stream
from makima_sdk.problems import MakimaError, ProblemError, UnreachableError

from makima_cli.monitor.acting import Acting
from makima_cli.monitor.beats import SHOWN
from makima_cli.monitor.figures_reader import FiguresReader
from makima_cli.monitor.keys import Act
from makima_cli.monitor.model import Link
from makima_cli.monitor.record_reader import RecordReader
from makima_cli.monitor.state import MAX_CONTRACTS, MAX_SHOWN_AGENTS, MonitorState

RECONNECT_SECONDS: Final = 1.0  # after the first loss; longer with each attempt
MAX_RECONNECT_SECONDS: Final = 5.0
READ_OPENED_SECONDS: Final = 0.2
REFUSES_MEMBER: Final = frozenset({400, 422})
READ_SECONDS: Final = 0.5  # between two rounds of reading what changed
CHANGED_PER_ROUND: Final = 20
AGENTS_SECONDS: Final = 2.0  # for each page of them
ALL_SECONDS: Final = 60.0
PAGE_SIZE: Final = 500
TOO_MANY_REQUESTS: Final = 429


def is_temporary(error: Exception) -> bool:
    """True if the same request may be answered later: nobody answers, the server has a fault or is too busy."""
    if isinstance(error, ProblemError):
        return error.status >= 500 or error.status == TOO_MANY_REQUESTS
    return isinstance(error, UnreachableError | TimeoutError)


class Feed:
    """Keeps `state` up to date while `run` runs. `wanted` restricts the messages; `settled` is called whenever
    everything was read.
    """

    def __init__(
        self,
        connection: Connection,
        state: MonitorState,
        wanted: Filter,
        patience: float,
        settled: Callable[[], None] = lambda: None,
    ) -> None:
        self._connection = connection
        self._state = state
        self._wanted = wanted
        self._settled = settled
        self._first_patience = patience  # seconds for the first connection
        self._stale = asyncio.Event()  # what was read is to be read again as a whole
        self._all_due = self._agents_due = float("inf")  # in seconds of the loop's clock
        self._has_beats = True  # until the server refuses to tell them
        self._http = Http(connection.url, connection.token, retry_for=0.0)

    async def run(self) -> None:
        """Until it is cancelled. A lost connection is made again, and goes on after the last message.

        Raises `UnreachableError` if the first connection fails, and `ProblemError` if the server refuses.
        """
        async with self._http, asyncio.TaskGroup() as tasks:
            tasks.create_task(self._listen())
            tasks.create_task(self._read())
            tasks.create_task(self._read_opened())

    async def act(self, act: Act) -> None:
        """Do it; what came of it is said in the state."""
        await Acting(self._http, self._state).act(act)

    async def _listen(self) -> None:
        state, patience = self._state, self._first_patience
        while True:
            try:
                await self._follow(patience)
            except (MakimaError, TimeoutError) as error:
                unreached = isinstance(error, UnreachableError) and state.link is Link.CONNECTING
                if unreached or not is_temporary(error):
                    raise
            if state.link is not Link.RECONNECTING:
                state.attempts = 0
            state.lose(datetime.now(UTC))
            patience = 0.0
            state.attempts += 1
            delay = min(RECONNECT_SECONDS * state.attempts, MAX_RECONNECT_SECONDS)
            state.retry_at = datetime.now(UTC) + timedelta(seconds=delay)
            await asyncio.sleep(delay)

    async def _follow(self, patience: float) -> None:
        """Fold messages until the connection is lost."""
        state = self._state
        events = stream(
            self._connection,
            self._wanted,
            since=state.position,
            epoch=state.epoch,
            patience=0.0,
            first_patience=patience,
            ticks=True,
        )
        async with aclosing(events):
            async for event in events:
                state.told_at = datetime.now(UTC)
                state.fold(event)
                if event.get("type") in ("hello", "reset"):
                    self._stale.set()

    async def _read(self) -> None:
        while True:
            try:
                await self._read_due(asyncio.get_running_loop().time())
            except (MakimaError, TimeoutError) as error:
                if not is_temporary(error):
                    raise
            await asyncio.sleep(READ_SECONDS)

    async def _read_opened(self) -> None:
        """Read what is looked at: an opened contract, the system."""
        records, figures = RecordReader(self._http, self._state), FiguresReader(self._http, self._state)
        while True:
            try:
                await records.read_due()
                await figures.read_due(asyncio.get_running_loop().time())
            except (MakimaError, TimeoutError) as error:
                if not is_temporary(error):
                    raise
            await asyncio.sleep(READ_OPENED_SECONDS)

    async def _read_due(self, now: float) -> None:
        if self._state.held.since is not None:
            return
        if self._stale.is_set() or self._state.reread or now >= self._all_due:
            await self._read_all()
            self._all_due, self._agents_due = now + ALL_SECONDS, now
        await self._read_changed()
        if now >= self._agents_due:
            self._agents_due = now + AGENTS_SECONDS * await self._read_agents()

    async def _read_all(self) -> None:
        self._stale.clear()  # a reset while it is read sets it again
        self._state.reread = False
        position = self._state.position
        found: list[str] = []
        whole = True
        try:
            async for contract in Contracts(self._http).all({"limit": PAGE_SIZE}):
                self._state.put([contract])
                found.append(contract.id)
                self._note_question(contract)
                if len(found) >= MAX_CONTRACTS:
                    whole = False
                    break
        except Exception:
            self._stale.set()
            raise
        if whole:
            self._state.keep(found, position)
        self._settled()

    async def _read_agents(self) -> int:
        """Returns how many pages they were."""
        found: list[AgentRecord] = []
        cursor: str | None = None
        pages = 0
        while len(found) < MAX_SHOWN_AGENTS:
            page = await self._agents_page({"cursor": cursor} if cursor else {})
            pages += 1
            found.extend(page.items)
            cursor = page.next_cursor
            if cursor is None:
                break
        self._state.put_agents(found)
        return pages

    async def _agents_page(self, query: dict[str, str | int | bool]) -> Page[AgentRecord]:
        """With their beats, of a server that knows them."""
        query["limit"] = PAGE_SIZE
        beats: dict[str, str | int | bool] = {"beats": SHOWN} if self._has_beats else {}
        try:
            return await Agents(self._http).page(query | beats)
        except ProblemError as error:
            if not beats or error.status not in REFUSES_MEMBER:
                raise
        self._has_beats = False
        return await Agents(self._http).page(query)

    async def _read_changed(self) -> None:
        for contract_id in list(self._state.unread)[:CHANGED_PER_ROUND]:
            self._state.unread.pop(contract_id, None)
            try:
                contract = await Contracts(self._http).get(contract_id)
                self._state.put([contract])
                await self._read_question(contract)
            except ProblemError as error:  # of this contract alone, e.g. it was deleted
                if is_temporary(error):
                    self._state.read_again(contract_id)
            except (UnreachableError, TimeoutError):
                self._state.read_again(contract_id)
                raise

    def _note_question(self, contract: Contract) -> None:
        if contract.waiting_for == "question" and contract.id not in self._state.questions:
            self._state.read_again(contract.id)

    async def _read_question(self, contract: Contract) -> None:
        if contract.waiting_for != "question":
            self._state.put_question(contract.id, None)
            return
        questions = await Contracts(self._http).questions(contract.id)
        self._state.put_question(
            contract.id, next((each for each in questions if each.status == "open"), None)
        )
