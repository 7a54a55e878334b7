"""R12: one command id sent twice at once, twice through two replicas, and again after the state has changed; also of
commands without events.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from uuid import uuid4

from makima_sdk.http import Answer, Http
from makima_sdk.paths import path

from tests.faults.comparison import Comparison, differing, mark_of
from tests.faults.outcome import compared
from tests.faults.subscribers import whole_log
from tests.faults.trial import QUICK, Trial, on_servers, under_load
from tests.whole_system import whole_system

ROUNDS: Final = 60
AT_ONCE: Final = 4
Told = tuple[int, int | None]  # status and position


@dataclass
class Repeats:
    trial: Trial
    answers: int = 0
    other: list[str] = field(default_factory=list[str])
    marks: list[str] = field(default_factory=list[str])

    async def send(self, number: int, route: str, key: str, **body: object) -> Answer:
        gateways: Sequence[Http] = self.trial.writers.gateways
        method = "PUT" if route.endswith("phase-guard") else "POST"
        return await gateways[number % len(gateways)].send(method, route, body, key=key)

    async def one(self, contract: str) -> None:
        """A command with an event, and one that finds everything as it wants it."""
        guard = path("contracts", contract, "phase-guard")
        mark, key, silent = uuid4().hex, uuid4().hex, uuid4().hex
        tasks = path("contracts", contract, "tasks")
        at_once = [self.send(number, tasks, key, name=mark) for number in range(AT_ONCE)]
        first = await self.same("with an event", await asyncio.gather(*at_once))
        nothing = [self.send(number, guard, silent, enabled=False) for number in range(AT_ONCE)]
        quiet = await self.same("without events", await asyncio.gather(*nothing))
        await self.send(0, guard, uuid4().hex, enabled=True)
        again = [await self.send(number, tasks, key, name=mark) for number in range(2)]
        await self.same("with an event, later", again, first)
        later = [await self.send(number, guard, silent, enabled=False) for number in range(2)]
        await self.same("without events, later", later, quiet)
        if not (await self.trial.writers.gateways[0].send("GET", path("contracts", contract))).body[
            "phase_guard"
        ]:
            self.other.append(f"{guard}: the repeat had an effect")
        await self.send(0, guard, uuid4().hex, enabled=False)
        self.marks.append(mark)

    async def same(self, what: str, answers: Sequence[Answer], first: Told | None = None) -> Told:
        told = [(answer.status, answer.position) for answer in answers]
        first = told[0] if first is None else first
        self.answers += len(told)
        self.other += [f"{what}: {each} instead of {first}" for each in told if each != first]
        return first


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, replicas=2, env=QUICK) as system,
        under_load("R12", postgres, broker, system) as trial,
    ):
        trial.dies("t0")
        repeats = Repeats(trial)
        made = await trial.writers.gateways[0].send("POST", "/contracts", {"name": "repeated"})
        for _ in range(ROUNDS):
            await repeats.one(str(made.body["id"]))
        found = [mark_of(event) for event in await whole_log(trial.log) if event.type == "TaskCreated"]
        kinds = {
            "lost": [mark for mark in repeats.marks if mark not in found],
            "twice": [mark for mark in repeats.marks if found.count(mark) > 1],
            "other answers": repeats.other,
        }
        told = (repeats.answers, f"answers to {2 * ROUNDS} command ids")
        one = differing("R12", "one effect and one answer for each command id", told, kinds)
        return [one, *await compared(trial)]
