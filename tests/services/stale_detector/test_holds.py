"""A hold by one detector binds the others, on real servers."""

import asyncpg
from makima_kernel.testing import eventually
from makima_schemas.silence import MassSilenceCleared, MassSilenceSuspected, owner_stream
from nats.aio.client import Client

from tests.contracts_in_the_log import OWNER
from tests.services.stale_detector.harness import Fleet, Running, known, quick, running

SUPERVISORS = [f"t{number}" for number in range(24)]
DAEMONS = [f"d{number}" for number in range(4)]  # failure domains: the death of one is a verdict


async def silent_supervisors(system: Running) -> list[str]:
    """Four daemons are too few for a hold of their own."""
    return [each for each in await system.silent() if each in SUPERVISORS]


async def test_half_of_a_fleet_is_held_by_both_detectors_and_forgiven_when_it_returns(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    async with (
        running(quick(database, nats_url), pool, nats, replicas=2) as system,
        Fleet(nats, SUPERVISORS, DAEMONS).beating() as fleet,
    ):
        await known(system, fleet)
        fleet.muted = True
        (held,) = await eventually(lambda: system.events(owner_stream(OWNER)))
        assert isinstance(held, MassSilenceSuspected)
        assert held.expiring >= 12
        fleet.muted = False

        async def cleared() -> bool:
            return MassSilenceCleared("heartbeats_resumed") in await system.events(owner_stream(OWNER))

        await eventually(cleared)
        assert await silent_supervisors(system) == []
        fleet.dead.add("t1")
        await eventually(lambda: system.events("silence-supervisor:t1"))
        assert await silent_supervisors(system) == ["t1"]


async def test_a_verdict_given_under_an_older_hold_stream_is_not_taken(
    database: str, nats_url: str, pool: asyncpg.Pool, nats: Client
) -> None:
    """Somebody holds the owner's verdicts while ours is on its way: it waits until the hold is over."""
    async with (
        running(quick(database, nats_url), pool, nats) as system,
        Fleet(nats, ["t0", "t1"]).beating() as fleet,
    ):
        await known(system, fleet)
        fleet.dead.add("t1")
        await system.record(owner_stream(OWNER), MassSilenceSuspected(20, 11))

        async def cleared() -> bool:
            return len(await system.events(owner_stream(OWNER))) == 2

        await eventually(
            cleared
        )  # two senders are never a mass: the hold ends when heartbeats are seen to come
        (told,) = await eventually(lambda: system.all("SilenceDetected"))
        (_, ended) = await system.all("MassSilenceSuspected") + await system.all("MassSilenceCleared")
        assert told.position > ended.position
