"""R5: two replicas of every service; one of each is killed and stays away."""

from pathlib import Path

from tests.faults.comparison import Comparison
from tests.faults.outcome import compared
from tests.faults.trial import QUICK, on_servers, under_load
from tests.whole_system import SERVICES, whole_system


async def show(place: Path) -> list[Comparison]:
    """The first of each, which is likelier to hold the leases."""
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, replicas=2, env=QUICK) as system,
        under_load("R5", postgres, broker, system) as trial,
    ):
        for number, service in enumerate(SERVICES):
            trial.dies(f"t{2 * number}")
            await system.runner.stop(service, patience=0.0)
            trial.dies(f"t{2 * number + 1}")
            await trial.recovers()
            await trial.acknowledges(60)
        trial.notes.append("one of two replicas of each service gone for good")
        return await compared(trial)
