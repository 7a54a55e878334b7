"""R1: `kill -9` of each service at random, 50 times, each started as a user's runner starts it.

Nine tenths of a start are imports: 1.7 s of a processor, the gateway 2.5 s. So on a busy machine the time of a return
is that of the queue for a processor, which is no property of the system: it is told, and does not count.
"""

import random
from pathlib import Path
from typing import Final

from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, SUPERVISORS, on_servers, under_load
from tests.whole_system import SERVICES, whole_system

KILLS: Final = 50
BACK_WITHIN: Final = 5.0  # seconds


async def show(place: Path) -> list[Comparison]:
    chance = random.Random(20260131)
    victims = [*SERVICES, *(chance.choice(SERVICES) for _ in range(KILLS - len(SERVICES)))]
    chance.shuffle(victims)
    dying = iter(SUPERVISORS)
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, cold=True, env=QUICK) as system,
        under_load("R1", postgres, broker, system) as trial,
    ):
        for number, victim in enumerate(victims):
            await trial.acknowledges(chance.randrange(5))
            if number % 6 == 0:
                trial.dies(next(dying))
            await trial.kill(victim)
        own = [back - starved for back, starved in zip(trial.back, trial.starved, strict=True)]
        late = [f"{each:.1f} s" for each in own if each > BACK_WITHIN]
        wait = (
            f"{sum(own) / len(own):.1f} s in the mean, {max(own):.1f} s at most; with the wait for a processor "
            f"{sum(trial.back) / len(own):.1f} s and {max(trial.back):.1f} s"
        )
        return [
            *await compared(trial),
            differing(
                "R1",
                "back and ready within 5 s, of a processor",
                (len(trial.back), "kills -9"),
                {"later": late},
                wait,
            ),
        ]
