"""A whole system under load, harmed inside the block, and compared with the truth at its end."""

import asyncio
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import asyncpg
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import connect
from makima_kernel.nats.streams import provision
from makima_kernel.testing import eventually
from makima_local.postgres import Postgres
from makima_schemas import subjects
from makima_schemas.codec import decode
from makima_schemas.silence import SilenceDetected
from nats.aio.client import Client

from tests.background import running
from tests.contracts_in_the_log import create_contracts
from tests.faults.subscribers import AWAY, Subscribers, subscribed
from tests.faults.writers import Writers, writing
from tests.guarantees.heartbeat_oracle import Reader, StoredHeartbeats
from tests.guarantees.read_models import OURS
from tests.servers import BUDGET, OwnNats, closed
from tests.services.stale_detector.harness import GRACE, INTERVAL, TIMEOUT, Fleet, LogReader
from tests.template import prepared_template
from tests.whole_system import WholeSystem

SUPERVISORS: Final = tuple(f"t{number}" for number in range(40))
DAEMONS: Final = tuple(f"d{number}" for number in range(4))
LISTEN_SECONDS: Final = 30.0
MOST_SHOWN: Final = 6  # recoveries whose time is told one by one
RECOVERY_SECONDS: Final = 180.0  # at most, until everybody is through on a busy machine
# Seconds where a real system needs minutes: 2 instead of 120 for a silence, 0.3 instead of 30 between heartbeats.
QUICK: Final = {
    "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": str(INTERVAL),
    "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": str(TIMEOUT),
    "MAKIMA_CONTRACTS__RECONNECT_GRACE_SECONDS": str(GRACE),
}


class Broker(Protocol):
    """One server, or a cluster of them."""

    @property
    def url(self) -> str: ...
    async def start(self) -> object: ...
    async def stop(self) -> None: ...


@dataclass
class Trial:
    """A system with its load. `back`: after how many seconds what was killed was back, each time; `starved`: how
    many of the seconds after each kill of a service its process could have run, and had no processor;
    `heartbeats`: what the broker has stored, also what it has lost since.
    """

    fault: str
    postgres: Postgres
    broker: Broker
    system: WholeSystem
    nats: Client
    pool: asyncpg.Pool
    fleet: Fleet
    writers: Writers
    subscribers: Subscribers
    # Who speaks so seldom that it is rightly declared dead in between, and is not compared.
    seldom: set[str] = field(default_factory=set[str])
    back: list[float] = field(default_factory=list[float])
    starved: list[float] = field(default_factory=list[float])
    notes: list[str] = field(default_factory=list[str])
    last_unready: str = ""  # who was ready last in the longest recovery, and why it was not before
    heartbeats: Reader = field(default_factory=Reader)

    @property
    def log(self) -> Log:
        return Log(self.pool)

    async def kill(self, name: str) -> None:
        self.back.append(await self.system.killed(name))
        self.starved.append(starved_seconds(self.system.runner.pids[name]))

    async def recovers(self) -> None:
        """Wait until commands are answered and everybody is ready, and note after how many seconds."""
        began, left = time.monotonic(), ""
        await self.acknowledges(10)
        while (why := await self._unready()) is not None and time.monotonic() - began < RECOVERY_SECONDS:
            left = why
            await asyncio.sleep(0.05)
        seconds = time.monotonic() - began
        if left and seconds > max(self.back, default=0.0):
            self.last_unready = left
        self.back.append(seconds)

    async def _unready(self) -> str | None:
        for name in self.system.runner.pids:
            if (why := await self.system.unready(name)) is not None:
                return f"{name}: {why}"
        return None

    async def loses_heartbeats(self) -> None:
        """What the broker has stored is about to be lost. Read twice: on a busy machine the first time takes seconds,
        and what comes meanwhile would be missing beside the verdicts.
        """
        await self.heartbeats.read(self.nats)
        await self.heartbeats.read(self.nats)
        self.heartbeats.begin_anew()

    async def listen(self) -> None:
        """Read what the broker stores before it forgets it: canaries are kept for five minutes."""
        while True:
            await asyncio.sleep(LISTEN_SECONDS)
            with suppress(*AWAY):
                await self.heard()

    async def heard(self) -> StoredHeartbeats:
        return await self.heartbeats.read(self.nats)

    async def acknowledges(self, count: int) -> None:
        """Wait until so many further commands were answered."""
        enough = len(self.writers.acknowledged) + count
        await eventually(lambda: len(self.writers.acknowledged) >= enough, RECOVERY_SECONDS)

    def dies(self, *names: str) -> None:
        self.fleet.dead |= set(names)

    async def verdicts(self) -> list[SilenceDetected]:
        found = [
            decode(each.type, each.schema, each.data)
            for each in await LogReader(self.log).all("SilenceDetected")
        ]
        return [verdict for verdict in found if isinstance(verdict, SilenceDetected)]

    async def settled(self) -> None:
        """Wait until the stream and every read model show the whole log."""

        async def through() -> bool:
            try:
                head = await self.log.head()
                last = (await self.nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq
                behind = await self.pool.fetch(
                    "select consumer from event_log.checkpoints where position < $1", head
                )
                names = {projection.name for projection in OURS}
                left = [str(row["consumer"]) for row in behind if row["consumer"] in names]
                assert (last, left) == (head, []), f"the log ends at {head}"
            except AWAY as error:
                raise AssertionError(str(error)) from error
            return True

        await eventually(through, RECOVERY_SECONDS, every=0.1)

    def note(self) -> str:
        if not self.back:
            return "; ".join(self.notes)
        shown = ", ".join(f"{each:.1f}" for each in self.back[:MOST_SHOWN])
        longest = f"at most {max(self.back):.1f} s" if len(self.back) > MOST_SHOWN else ""
        last = f"longest because of {self.last_unready[:160]}" if self.last_unready else ""
        return "; ".join(filter(None, (*self.notes, f"back after {shown} s", longest, last)))


def starved_seconds(pid: int) -> float:
    """For how long the process's first thread was ready to run since its start, while others had the processors; 0
    where the system does not tell. From the second number of `/proc/<pid>/schedstat`, ns.
    """
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1]) / 1e9
    except (OSError, IndexError):
        return 0.0


@asynccontextmanager
async def on_servers(
    place: Path, broker: Broker | None = None
) -> AsyncGenerator[tuple[Postgres, Broker, str]]:
    """A durable Postgres with a migrated database, its DSN, and a broker."""
    postgres = Postgres(place / "pg", durable=True, tied=True)
    made = broker or OwnNats(place / "nats", tied=True)
    try:
        await asyncio.gather(postgres.start(), made.start())
        yield postgres, made, postgres.dsn(await prepared_template(postgres.dsn))
    finally:
        await asyncio.gather(postgres.stop(), made.stop())


@asynccontextmanager
async def under_load(
    fault: str,
    postgres: Postgres,
    broker: Broker,
    system: WholeSystem,
    *,
    fleet: Callable[[Client], Fleet] = lambda nats: Fleet(nats, SUPERVISORS, DAEMONS),
    begin: Callable[[], Awaitable[None]] | None = None,
    create: Callable[[asyncpg.Pool, Sequence[str]], Awaitable[None]] = create_contracts,
) -> AsyncGenerator[Trial]:
    """Everybody is up, known and busy on entry. `begin` starts the system, if it is not to be started as a whole;
    `create` appends contracts to the log, if today's function is not there yet.
    """
    async with AsyncExitStack() as opened:
        nats = await connect(broker.url, "the trial", on_closed=closed)
        opened.push_async_callback(nats.close)
        pool = await opened.enter_async_context(asyncpg.create_pool(system.database, min_size=1, max_size=4))
        replicas = int(system.env.get("MAKIMA_STREAM_REPLICAS", "1"))
        await provision(nats, Log(pool), budget=BUDGET, replicas=replicas)
        await create(pool, [each.replace("t", "c") for each in SUPERVISORS])
        if begin is None:
            system.start()
            await system.ready()
        else:
            await begin()
        subscribers = await opened.enter_async_context(subscribed(Log(pool), nats, system.urls))
        beating = await opened.enter_async_context(fleet(nats).beating())
        await eventually(
            lambda: _known(Log(pool), beating), RECOVERY_SECONDS, because="the fleet is not registered"
        )
        writers = await opened.enter_async_context(writing(system.urls))
        trial = Trial(fault, postgres, broker, system, nats, pool, beating, writers, subscribers)
        await opened.enter_async_context(running(trial.listen()))
        await trial.acknowledges(50)
        yield trial


async def _known(log: Log, fleet: Fleet) -> bool:
    reader = LogReader(log)
    found = {each.entity_id for each in await reader.all("SupervisorRegistered")}
    return found >= set(fleet.supervisors) - fleet.dead
