"""R1: `kill -9` of each service at random, 50 times, each started as a user's runner starts it."""

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
        late = [f"{each:.1f} s" for each in trial.back if each > BACK_WITHIN]
        wait = f"{sum(trial.back) / len(trial.back):.1f} s in the mean, {max(trial.back):.1f} s at most"
        return [
            *await compared(trial),
            differing(
                "R1", "back and ready within 5 s", (len(trial.back), "kills -9"), {"later": late}, wait
            ),
        ]
