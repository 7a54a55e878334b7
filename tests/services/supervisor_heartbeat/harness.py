"""The service inside the test's process on a real Postgres and a real NATS, and a fleet that speaks to it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import asyncpg
import msgspec
import orjson
from makima_kernel.event_log.log import Log
from makima_kernel.nats.streams import SHARDS, canary, provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import Event, decode
from makima_schemas.commands import Reply, Request
from makima_schemas.daemon import DeclareDisconnected
from makima_schemas.evidence import Evidence
from makima_schemas.heartbeat import DaemonHeartbeat, SupervisorHeartbeat
from makima_schemas.supervisor import DeclareSilent, SupervisorState
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.domain.broker_time import moment
from nats.aio.client import Client

from tests.contracts_in_the_log import create_contracts


def supervisor_beat(
    task_id: str, state: SupervisorState = SupervisorState.WORKING, **said: object
) -> SupervisorHeartbeat:
    given = {
        "contract_id": f"c-{task_id}",
        "phase": "plan",
        "timestamp": datetime.now(UTC),
        "connection_id": f"{task_id}-1",
        **said,
    }
    return msgspec.convert({"task_id": task_id, "state": state, **given}, SupervisorHeartbeat)


def daemon_beat(daemon_id: str, **said: object) -> DaemonHeartbeat:
    given = {"hostname": "host", "seq": 1, "timestamp": datetime.now(UTC), **said}
    return msgspec.convert({"daemon_id": daemon_id, **given}, DaemonHeartbeat)


@dataclass(frozen=True)
class Fleet:
    """Senders, and what a test asks of the database and the log about them."""

    nats: Client
    pool: asyncpg.Pool
    log: Log
    contracts: set[str] = field(
        default_factory=set[str], kw_only=True
    )  # that were created for its supervisors

    async def publish(self, subject: str, payload: bytes, headers: dict[str, str] | None = None) -> int:
        """The stream sequence, once the broker has it."""
        return (await self.nats.jetstream().publish(subject, payload, headers=headers)).seq

    async def beat(self, beat: SupervisorHeartbeat | DaemonHeartbeat, daemon_id: str = "d1") -> int:
        match beat:
            case SupervisorHeartbeat():
                if beat.contract_id not in self.contracts:
                    self.contracts.add(beat.contract_id)
                    await create_contracts(self.pool, [beat.contract_id])
                return await self.publish(
                    subjects.supervisor_heartbeat(daemon_id, beat.task_id), msgspec.json.encode(beat)
                )
            case DaemonHeartbeat():
                return await self.publish(
                    subjects.daemon_heartbeat(beat.daemon_id), msgspec.json.encode(beat)
                )

    async def canaries(self) -> int:
        """One in each shard; the last sequence."""
        return (await asyncio.gather(*(self.publish(canary(shard), b"") for shard in range(SHARDS))))[-1]

    async def recorded(self) -> None:
        """Wait until everything that the broker holds is in the database."""
        await self.canaries()
        last = (await self.nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)).state.last_seq - SHARDS

        async def there() -> bool:
            return (
                await self.pool.fetchval("select min(sequence) from supervisor_heartbeat.watermarks") > last
            )

        await eventually(there)

    async def rows(self) -> list[asyncpg.Record]:
        return await self.pool.fetch("select * from supervisor_heartbeat.heartbeats order by sequence")

    async def latest(self, sender: str) -> asyncpg.Record | None:
        return await self.pool.fetchrow("select * from supervisor_heartbeat.latest where sender = $1", sender)

    async def events(self, stream: str) -> list[Event]:
        return [
            decode(each.type, each.schema, each.data) for each in await self.log.stream("default", stream)
        ]

    async def until(self, stream: str, count: int) -> list[Event]:
        """The events of a stream, once there are `count` of them."""

        async def there() -> list[Event]:
            events = await self.events(stream)
            return events if len(events) >= count else []

        return await eventually(there, because=f"{stream} has not {count} events")

    async def letters(self) -> list[dict[str, object]]:
        """All dead letters."""
        jetstream = self.nats.jetstream()
        state = (await jetstream.stream_info(subjects.DEAD_LETTERS_STREAM)).state
        found = [
            await jetstream.get_msg(subjects.DEAD_LETTERS_STREAM, seq)
            for seq in range(state.first_seq, state.last_seq + 1)
        ]
        return [orjson.loads(each.data or b"") for each in found]

    async def evidence(
        self, sequence: int, *, timeout: float = 120.0, after: timedelta = timedelta(0)
    ) -> Evidence:
        """What a detector would say whose last heartbeat of a sender was the one at `sequence`; `after`: how
        long it watched on.
        """
        info = await self.nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        held = await self.pool.fetchval(
            "select received_at from supervisor_heartbeat.heartbeats where sequence = $1", sequence
        )
        epoch = (info.config.metadata or {}).get("makima-epoch", "")
        watermark = held + after
        return Evidence(held, timeout, watermark, watermark, 0.0, "test", sequence, epoch)


@dataclass(frozen=True)
class Running(Fleet):
    service: Service

    async def ask(
        self, target: str, verdict: DeclareSilent | DeclareDisconnected, command_id: UUID | None = None
    ) -> Reply:
        name = "declare_silent" if isinstance(verdict, DeclareSilent) else "declare_disconnected"
        return await self.service.bus.ask(
            app.NAME, name, Request(command_id or uuid4(), target, asdict(verdict))
        )


@asynccontextmanager
async def running(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[Running]:
    await provision(nats, Log(pool), budget=0.01)
    async with Service.running(app.NAME, settings, app.build) as service:
        yield Running(nats, pool, Log(pool), service)


__all__ = ["Fleet", "Running", "daemon_beat", "moment", "running", "supervisor_beat"]
