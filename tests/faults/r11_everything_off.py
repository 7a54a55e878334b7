"""R11: everything stopped for ten minutes, half of the fleet gone meanwhile, and started again.

The timeouts are sixty times shorter than a user's (2 s of silence instead of 120), and so is the stop.
"""

import asyncio
from pathlib import Path
from typing import Final

from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, SUPERVISORS, on_servers, under_load
from tests.whole_system import whole_system

OFF_SECONDS: Final = 10.0
HALF: Final = 2


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R11", postgres, broker, system) as trial,
    ):
        await system.runner.stop(*system.names)
        await postgres.stop()
        await broker.stop()
        gone = trial.fleet.daemons[: len(trial.fleet.daemons) // HALF]
        trial.dies(*gone, *(each for each in SUPERVISORS if trial.fleet.daemon_of(each) in gone))
        await asyncio.sleep(OFF_SECONDS)  # the fault itself
        await asyncio.gather(postgres.start(), broker.start())
        system.start()
        await trial.recovers()
        await trial.acknowledges(60)
        trial.notes.append(
            f"everything off for {OFF_SECONDS:.0f} s with timeouts of a sixtieth (10 min of 2 min)"
        )
        return await compared(trial)
