"""R6: senders whose clocks are off by an hour, who send twice, out of order, and over connections that were replaced."""

import asyncio
import random
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import decode
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged

from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.subscribers import whole_log
from tests.faults.trial import DAEMONS, QUICK, RECOVERY_SECONDS, SUPERVISORS, Trial, on_servers, under_load
from tests.services.stale_detector.harness import Fleet
from tests.whole_system import whole_system

CLUMSY_SECONDS: Final = 20.0
OFF: Final = (timedelta(hours=1), timedelta(0), timedelta(hours=-1))
OLD: Final = 3  # heartbeats of each sender that come again later


@dataclass
class ClumsyFleet(Fleet):
    """Says one state first, another one over a new connection then; while it is `clumsy`, all of it in any order.

    `sent` counts what must have no effect.
    """

    chance: random.Random = field(default_factory=lambda: random.Random(6))
    settled: bool = False
    clumsy: bool = False
    sent: int = 0
    numbers: dict[str, int] = field(default_factory=dict[str, int])
    old: dict[str, list[bytes]] = field(default_factory=dict[str, list[bytes]])

    async def beat(self, name: str) -> None:
        if name in self.daemons:
            await super().beat(name)
            return
        number = self.numbers[name] = self.numbers.get(name, 0) + 1
        body = self._body(name, number)
        old = self.old.setdefault(name, [])
        if not self.settled or (not self.clumsy and len(old) < 2 * OLD):
            old.append(body)
        await self._publish(name, body)
        if self.clumsy:
            again = [body, *self.chance.sample(old, OLD)]  # twice, and what was said long ago
            for each in again:
                await self._publish(name, each)
            self.sent += len(again)

    def _body(self, name: str, number: int) -> bytes:
        now = datetime.now(UTC) + OFF[int(name.strip("t")) % len(OFF)]
        state = SupervisorState.WORKING if self.settled else SupervisorState.INITIALIZING
        connection = f"{name}-2" if self.settled else f"{name}-1"
        said = SupervisorHeartbeat(
            name, name.replace("t", "c"), state, "plan", now, connection_id=connection, seq=number
        )
        return msgspec.json.encode(said)

    async def _publish(self, name: str, body: bytes) -> None:
        await self.nats.publish(subjects.supervisor_heartbeat(self.daemon_of(name), name), body)


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load(
            "R6", postgres, broker, system, fleet=lambda nats: ClumsyFleet(nats, SUPERVISORS, DAEMONS)
        ) as trial,
    ):
        fleet = trial.fleet
        assert isinstance(fleet, ClumsyFleet)
        fleet.settled = True
        await eventually(lambda: all_speak_anew(trial), RECOVERY_SECONDS)
        since = await trial.log.head()
        fleet.clumsy = True
        trial.dies("t1", "t2")
        await asyncio.sleep(CLUMSY_SECONDS)  # the fault itself
        trial.dies("t3")
        left = await compared(trial)
        return [await no_effect(trial, fleet, since), *left]


async def all_speak_anew(trial: Trial) -> bool:
    said = await changes(trial, 0)
    return {name for name, change in said if change.connection_id == f"{name}-2"} >= set(SUPERVISORS)


async def changes(
    trial: Trial, since: int
) -> list[tuple[str, SupervisorStateChanged | SupervisorRegistered]]:
    found = [
        (event.entity_id, decode(event.type, event.schema, event.data))
        for event in await whole_log(trial.log)
        if event.position > since and event.category == "supervisor"
    ]
    return [
        (name, each)
        for name, each in found
        if isinstance(each, SupervisorStateChanged | SupervisorRegistered)
    ]


async def no_effect(trial: Trial, fleet: ClumsyFleet, since: int) -> Comparison:
    """Nothing was recorded of a supervisor but that those died who died."""
    effects = [
        f"{name}: {change}"
        for name, change in await changes(trial, since)
        if name not in trial.fleet.dead
        or not isinstance(change, SupervisorStateChanged)
        or change.new_state is not SupervisorState.INTERRUPTED
    ]
    what = "duplicates, old sequences, old connections, clocks off by 1 h"
    return differing("R6", what, (fleet.sent, "heartbeats"), {"effects": effects})
