"""R2b: the database is put back to 50 events ago, and 100 are appended before the relay starts."""

from pathlib import Path
from typing import Final

import httpx
from makima_kernel.event_log.append import new_event
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import Event, decode

from tests.faults.comparison import Comparison, differing
from tests.faults.outcome import compared
from tests.faults.subscribers import whole_stream
from tests.faults.trial import QUICK, RECOVERY_SECONDS, Trial, on_servers, under_load
from tests.kernel.event_log.filling import append_all
from tests.whole_system import whole_system

LOST: Final = 50
APPENDED: Final = 100


async def show(place: Path) -> list[Comparison]:
    async with (
        on_servers(place) as (postgres, broker, dsn),
        whole_system(postgres.dsn(), dsn, broker.url, place, env=QUICK) as system,
        under_load("R2b", postgres, broker, system) as trial,
    ):
        kept = await backed_up(trial)
        await trial.acknowledges(LOST)
        await trial.writers.done()
        await trial.settled()
        await system.runner.stop(*system.names)
        end = (await trial.nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq
        await system.restore()
        await trial.pool.expire_connections()
        assert await trial.log.head() <= end - LOST
        created = await a_creation(trial)
        await append_all(
            trial.pool, {f"contract-r{number}": (new_event(created),) for number in range(APPENDED)}
        )
        before = await whole_stream(trial.nats)
        system.start()
        await eventually(lambda: says_what_to_do(trial), RECOVERY_SECONDS, because="nobody said what to do")
        published = len(await whole_stream(trial.nats)) - len(before)
        reason = await system.said_by_health()
        await system.new_epoch()
        trial.writers.acknowledged = [each for each in trial.writers.acknowledged if each.position <= kept]
        trial.writers.begin()
        await trial.recovers()
        await trial.acknowledges(50)
        kinds = {
            "published all the same": [published] if published else [],
            "no reason told": [] if "position" in reason or "the log" in reason else [reason],
            "subscribers that did not begin anew": [] if trial.subscribers.resets else ["consumer"],
        }
        refused = differing("R2b", "a restored log, refused and then followed", (APPENDED, "events"), kinds)
        trial.notes.append(f"back by {end - kept} events, {APPENDED} appended, new-epoch")
        trial.dies("t1")
        return [refused, *await compared(trial)]


async def backed_up(trial: Trial) -> int:
    """The position that the backup ends at."""
    await trial.acknowledges(10)
    await trial.system.back_up()
    return await trial.log.head()


async def a_creation(trial: Trial) -> Event:
    """Of a contract like all others."""
    first = next(event for event in await trial.log.after(0) if event.type == "ContractCreated")
    return decode(first.type, first.schema, first.data)


async def says_what_to_do(trial: Trial) -> bool:
    try:
        return "makima ledger new-epoch" in await trial.system.said_by_health()
    except httpx.TransportError:
        return False
