"""R4: broker, detector, recorder and Postgres stand still (SIGSTOP) for 30 s, one after the other."""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Final

from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, Trial, on_servers, under_load
from tests.freezing import freeze
from tests.servers import OwnNats
from tests.whole_system import whole_system

FROZEN_SECONDS: Final = 30.0
Freeze = Callable[[], Awaitable[None]]
Thaw = Callable[[], None]


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R4", postgres, broker, system) as trial,
    ):
        assert isinstance(broker, OwnNats)

        def service(name: str) -> tuple[Freeze, Thaw]:
            runner = system.runner
            return partial(freeze, runner, name), partial(runner.send, name, signal.SIGCONT)

        parts: dict[str, tuple[Freeze, Thaw]] = {
            "broker": (broker.freeze, broker.thaw),
            "detector": service("stale_detector"),
            "recorder": service("supervisor_heartbeat"),
            "postgres": (postgres.freeze, postgres.thaw),
        }
        for number, (name, (stop, thaw)) in enumerate(parts.items()):
            await frozen(trial, number, stop, thaw)
            trial.notes.append(f"{name} {FROZEN_SECONDS:.0f} s")
        return await compared(trial)


async def frozen(trial: Trial, number: int, stop: Freeze, thaw: Thaw) -> None:
    """One dies before, one meanwhile."""
    trial.dies(f"t{2 * number}")
    await stop()
    await asyncio.sleep(FROZEN_SECONDS / 2)  # the fault itself
    trial.dies(f"t{2 * number + 1}")
    await asyncio.sleep(FROZEN_SECONDS / 2)
    thaw()
    await trial.recovers()
    await trial.acknowledges(60)
