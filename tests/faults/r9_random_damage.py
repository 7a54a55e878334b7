"""R9: clean-ups, purges, deletions and restarts at random; after each, one heartbeat makes its sender healthy."""

import random
import signal
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Final

import msgspec
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import decode
from makima_schemas.heartbeat import SupervisorHeartbeat
from makima_schemas.supervisor import SupervisorRegistered, SupervisorState, SupervisorStateChanged
from nats.errors import Error as NatsError

from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.subscribers import AWAY, whole_log
from tests.faults.trial import QUICK, RECOVERY_SECONDS, Trial, on_servers, under_load
from tests.servers import BUDGET
from tests.whole_system import whole_system

ROUNDS: Final = 12
MOST_AT_ONCE: Final = 3  # kinds of damage
# Who speaks once after each damage, and is silent again until the next, long enough to be declared dead meanwhile.
SPEAKERS: Final = tuple(f"t{number}" for number in range(100, 108))
CYCLE_SECONDS: Final = 5.0  # in which a killed process is back, as R1 asks

Damage = Callable[[Trial], Awaitable[None]]


async def history_emptied(trial: Trial) -> None:
    await trial.pool.execute("truncate supervisor_heartbeat.heartbeats, supervisor_heartbeat.latest")


async def stream_purged(trial: Trial) -> None:
    await trial.heard()
    await trial.nats.jetstream().purge_stream(subjects.HEARTBEATS_STREAM)


async def stream_deleted(trial: Trial) -> None:
    """With its sequences."""
    await trial.loses_heartbeats()
    await trial.nats.jetstream().delete_stream(subjects.HEARTBEATS_STREAM)
    await provision(trial.nats, trial.log, budget=BUDGET)


async def consumers_deleted(trial: Trial) -> None:
    jetstream = trial.nats.jetstream()
    for consumer in await jetstream.consumers_info(subjects.HEARTBEATS_STREAM):
        with suppress(NatsError):
            await jetstream.delete_consumer(subjects.HEARTBEATS_STREAM, consumer.name)


async def killed(trial: Trial, *, name: str) -> None:
    trial.system.runner.send(name, signal.SIGKILL)


async def declared_dead(trial: Trial) -> None:
    """Wait until all who speak only once are."""

    async def all_dead() -> bool:
        states = await states_in_log(trial)
        return {states.get(name) for name in SPEAKERS} <= {SupervisorState.INTERRUPTED, None}

    await eventually(all_dead, RECOVERY_SECONDS, every=0.1)


DAMAGES: Final[dict[str, Damage]] = {
    "history emptied": history_emptied,
    "stream purged": stream_purged,
    "stream deleted": stream_deleted,
    "consumers deleted": consumers_deleted,
    "recorder killed": partial(killed, name="supervisor_heartbeat"),
    "detector killed": partial(killed, name="stale_detector"),
    "declared dead": declared_dead,
}


@dataclass
class Healing:
    trial: Trial
    chance: random.Random = field(default_factory=lambda: random.Random(9))
    healed: list[float] = field(default_factory=list[float])
    late: list[str] = field(default_factory=list[str])

    async def round(self, number: int) -> None:
        chosen = self.chance.sample(sorted(DAMAGES), self.chance.randint(1, MOST_AT_ONCE))
        for name in chosen:
            await DAMAGES[name](self.trial)
        began, said = time.monotonic(), f"round {number}"
        for name in SPEAKERS:
            await self._speak(name, said)
        await eventually(partial(self._all_healthy, said), RECOVERY_SECONDS, every=0.05, because=f"{chosen}")
        self.healed.append(time.monotonic() - began)
        if self.healed[-1] > CYCLE_SECONDS:
            self.late.append(f"{self.healed[-1]:.1f} s after {', '.join(chosen)}")

    async def _speak(self, name: str, said: str) -> None:
        """One heartbeat, which the broker has confirmed."""
        body = SupervisorHeartbeat(
            name, "c1", SupervisorState.WORKING, "plan", datetime.now(UTC), said, connection_id=f"{name}-1"
        )
        subject = subjects.supervisor_heartbeat("d1", name)

        async def stored() -> bool:
            try:
                await self.trial.nats.jetstream().publish(subject, msgspec.json.encode(body))
            except AWAY as error:
                raise AssertionError(str(error)) from error
            return True

        await eventually(stored)

    async def _all_healthy(self, said: str) -> bool:
        """In the log, and in what was heard last."""
        shown = await self.trial.pool.fetch("select sender, activity from supervisor_heartbeat.latest")
        heard = {str(row["sender"]).removeprefix("supervisor-") for row in shown if row["activity"] == said}
        assert heard >= set(SPEAKERS), f"not heard: {set(SPEAKERS) - heard}"
        states = await states_in_log(self.trial)
        ill = {name: states.get(name) for name in SPEAKERS if states.get(name) is not SupervisorState.WORKING}
        assert not ill, f"not healthy: {ill}"
        return True


async def states_in_log(trial: Trial) -> dict[str, SupervisorState]:
    states: dict[str, SupervisorState] = {}
    for event in await whole_log(trial.log):
        if event.category != "supervisor":
            continue
        match decode(event.type, event.schema, event.data):
            case SupervisorRegistered(state=state) | SupervisorStateChanged(new_state=state):
                states[event.entity_id] = state
            case _:
                pass
    return states


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R9", postgres, broker, system) as trial,
    ):
        healing = Healing(trial)
        trial.seldom |= set(SPEAKERS)
        for number in range(ROUNDS):
            await healing.round(number)
        trial.dies("t0")
        await trial.recovers()
        wait = f"healthy after {max(healing.healed):.1f} s at most"
        told = (ROUNDS * len(SPEAKERS), "single heartbeats")
        one = differing("R9", "one heartbeat heals, whatever was damaged", told, {"late": healing.late}, wait)
        return [one, *await compared(trial)]
