"""R3: Postgres is killed and started again; it stands still for 30 s."""

import asyncio
from pathlib import Path
from typing import Final

from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, on_servers, under_load
from tests.whole_system import whole_system

KILLS: Final = 3
OFF_SECONDS: Final = 3.0
FROZEN_SECONDS: Final = 30.0


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R3", postgres, broker, system) as trial,
    ):
        for number in range(KILLS):
            trial.dies(f"t{number}")
            await postgres.kill()
            await asyncio.sleep(OFF_SECONDS)  # the fault itself
            await postgres.start()
            await trial.recovers()
            await trial.acknowledges(60)
        trial.notes.append(f"killed {KILLS} times")
        trial.dies("t3", "t4")
        await postgres.freeze()
        await asyncio.sleep(FROZEN_SECONDS)  # the fault itself
        trial.dies("t5")
        postgres.thaw()
        await trial.recovers()
        await trial.acknowledges(60)
        trial.notes.append(f"frozen {FROZEN_SECONDS:.0f} s")
        return await compared(trial)
