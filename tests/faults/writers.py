"""Callers that command over HTTP, by the SDK: one intent after the other, each sent again under its key until it is
answered.
"""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Final
from uuid import uuid4

from makima_sdk.http import Answer, Http
from makima_sdk.paths import path
from makima_sdk.problems import ProblemError, UnreachableError

from tests.faults.comparison import Acknowledged
from tests.services.gateway.harness import ADMIN

WRITERS: Final = 6
WORKS: Final = 3  # tasks, and questions, of a contract
ATTEMPT_SECONDS: Final = 6.0  # a gateway answers by then, if only that it cannot
PAUSE: Final = 0.05
PACE: Final = 0.1  # seconds between two commands of one caller: people and agents do not hammer
UNAVAILABLE: Final = 503
UNREACHABLE: Final = "no answer"


@dataclass
class Writers:
    """What they were told. `refused`: why attempts failed; `unclear` are failures that say nothing a caller could
    act on.
    """

    gateways: list[Http]
    group: asyncio.TaskGroup
    acknowledged: list[Acknowledged] = field(default_factory=list[Acknowledged])
    refused: Counter[str] = field(default_factory=Counter[str])
    unclear: list[str] = field(default_factory=list[str])
    longest: float = 0.0  # seconds that an intent waited for its answer, attempts and pauses included
    over: bool = False
    callers: list["asyncio.Task[None]"] = field(default_factory=list["asyncio.Task[None]"])
    _turn: "itertools.count[int]" = field(default_factory=itertools.count)

    def begin(self) -> None:
        """Everybody, with a contract of its own."""
        self.over = False
        self.callers = [self.group.create_task(self.write()) for _ in range(WRITERS)]

    async def done(self) -> None:
        """Nobody begins anything new; returns when everybody has an answer to what was begun."""
        self.over = True
        await asyncio.gather(*self.callers)

    async def insist(self, route: str, body: Mapping[str, object]) -> Answer:
        """At one gateway after the other, until one answers."""
        key, began = uuid4().hex, time.monotonic()
        for number in itertools.count(next(self._turn)):
            try:
                answer = await self.gateways[number % len(self.gateways)].send("POST", route, body, key=key)
            except UnreachableError:
                self.refused[UNREACHABLE] += 1
            except ProblemError as error:
                self._note(route, error)
            else:
                self.longest = max(self.longest, time.monotonic() - began)
                return answer
            await asyncio.sleep(PAUSE)
        raise AssertionError

    def _note(self, route: str, error: ProblemError) -> None:
        self.refused[f"{error.status} {error.code}"] += 1
        if error.status != UNAVAILABLE or not error.code:
            self.unclear.append(f"{route}: {error.status} {error}")

    async def told(
        self, contract: str, type_: str, mark: str, route: str, body: Mapping[str, object]
    ) -> Answer:
        answer = await self.insist(route, body)
        contract = contract or str(answer.body["id"])
        position = answer.position or 0
        self.acknowledged.append(Acknowledged(f"contract-{contract}", type_, mark, position))
        await asyncio.sleep(PACE)
        return answer

    async def write(self) -> None:
        """The life of a contract, and of the next one."""
        while not self.over:
            mark = uuid4().hex
            body = {"name": mark, "auto_complete_enabled": False}
            made = await self.told("", "ContractCreated", mark, "/contracts", body)
            contract = str(made.body["id"])

            async def act(type_: str, marked: str, *more: str, contract: str = contract, **body: str) -> None:
                await self.told(contract, type_, marked, path("contracts", contract, *more), body)

            await act("ContractStarted", "", "start")
            for number in range(WORKS):
                await act("TaskCreated", f"{mark} t{number}", "tasks", name=f"{mark} t{number}")
                await act("QuestionAsked", f"{mark} q{number}", "questions", question=f"{mark} q{number}")
            await act("ContractPaused", f"{mark} p", "pause", reason=f"{mark} p")
            await act("ContractResumed", "", "resume")
            await act("ContractFailed", f"{mark} f", "fail", reason=f"{mark} f")


@asynccontextmanager
async def writing(urls: list[str]) -> AsyncGenerator[Writers]:
    """On entry they have begun; on exit each has ended the intent that it was at."""
    async with AsyncExitStack() as opened:
        gateways = [
            await opened.enter_async_context(Http(url, ADMIN, timeout=ATTEMPT_SECONDS, retry_for=0))
            for url in urls
        ]
        group = await opened.enter_async_context(asyncio.TaskGroup())
        writers = Writers(gateways, group)
        writers.begin()
        try:
            yield writers
        finally:
            writers.over = True
