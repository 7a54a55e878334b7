"""Supervisors that save and are restored by HTTP, with their heartbeats by NATS."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import cast

import asyncpg
import httpx
import msgspec
import orjson
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import Event, decode
from makima_schemas.evidence import Evidence
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.gateway.harness import Gateways, body, created
from tests.services.gateway.tokens import client_as
from tests.services.supervisor_heartbeat.harness import supervisor_beat

WORKING, INTERRUPTED = SupervisorState.WORKING, SupervisorState.INTERRUPTED
Json = dict[str, object]


@dataclass
class Supervised:
    """A contract whose supervisor runs on daemon d1 under the connection k1."""

    gateways: Gateways
    nats: Client
    pool: asyncpg.Pool
    contract: str
    task: str  # the supervisor's
    d1: httpx.AsyncClient
    d2: httpx.AsyncClient
    told: list[tuple[str, Json]] = field(default_factory=list[tuple[str, Json]])  # signals to daemons

    @property
    def http(self) -> httpx.AsyncClient:
        return self.gateways.clients[0]

    @property
    def path(self) -> str:
        return f"/contracts/{self.contract}/supervisor"

    async def beat(
        self,
        connection_id: str | None = "k1",
        daemon_id: str = "d1",
        task_id: str | None = None,
        **said: object,
    ) -> int:
        """The place of the heartbeat in its stream."""
        given = {"contract_id": self.contract, "connection_id": connection_id, **said}
        task_id = task_id or self.task
        heartbeat = supervisor_beat(task_id, **given)  # pyright: ignore[reportArgumentType] - a state may be among them
        subject = subjects.supervisor_heartbeat(daemon_id, task_id)
        return (await self.nats.jetstream().publish(subject, msgspec.json.encode(heartbeat))).seq

    async def save(
        self, kind: str, content: Json | None = None, *, connection_id: str | None = "k1", **members: object
    ) -> int:
        """The version of the save."""
        saved = {"kind": kind, "connection_id": connection_id, **(content or {}), **members}
        answer = await self.d1.post(f"{self.path}/state", json=saved)
        assert answer.status_code == 200, answer.text
        return cast("int", body(answer)["version"])

    async def die(self) -> None:
        """The detector's verdict on the supervisor, after all that it said so far."""
        info = await self.nats.jetstream().stream_info(subjects.HEARTBEATS_STREAM)
        now, epoch = datetime.now(UTC), (info.config.metadata or {}).get("makima-epoch", "")
        proof = Evidence(now, 120.0, now, now, 0.0, "test", info.state.last_seq, epoch)
        state = (await self.events())[-1]
        daemon_id, connection_id = getattr(state, "daemon_id", "d1"), getattr(state, "connection_id", "k1")
        died = SupervisorStateChanged(
            self.contract, daemon_id, connection_id, WORKING, INTERRUPTED, "plan", "heartbeat_expired", proof
        )
        await self.gateways.append(f"supervisor-{self.task}", died)

    async def restore(
        self, daemon: str = "d2", connection_id: str = "k2", *, status: int = 200, **members: object
    ) -> Json:
        client = self.d1 if daemon == "d1" else self.d2
        asked = {"daemon_id": daemon, "connection_id": connection_id, **members}
        answer = await client.post(f"{self.path}/restore", json=asked)
        assert answer.status_code == status, answer.text
        return body(answer)

    async def prove(
        self, connection_id: str = "k2", daemon_id: str = "d2", task_id: str | None = None
    ) -> None:
        """Until the contract is the daemon's."""
        await self.beat(connection_id, daemon_id, task_id)

        async def assigned() -> bool:
            newest = await self.assignments()
            return bool(newest) and newest[-1] == (daemon_id, connection_id)

        await eventually(assigned)

    async def events(self, task_id: str | None = None) -> list[Event]:
        recorded = await self.gateways.log.stream("default", f"supervisor-{task_id or self.task}")
        return [decode(each.type, each.schema, each.data) for each in recorded]

    async def names(self, task_id: str | None = None) -> list[str]:
        return [type(event).__name__ for event in await self.events(task_id)]

    async def assignments(self) -> list[tuple[str, str | None]]:
        """Daemons and connections, in turn."""
        found = await self.gateways.log.stream("default", f"contract-{self.contract}")
        told = [
            cast("dict[str, str]", orjson.loads(each.data))
            for each in found
            if each.type == "ContractAssigned"
        ]
        return [(each["daemon_id"], each.get("connection_id")) for each in told]

    async def rot(self, version: int) -> None:
        """Alters a save as a broken disk would: past the trigger that keeps the log append-only."""
        await self.pool.execute("alter table event_log.events disable trigger append_only")
        await self.pool.execute(
            "update event_log.events set data = replace(data::text, 'the form', 'the frm')::json "
            "where stream = $1 and version = $2",
            f"supervisor-{self.task}",
            version,
        )
        await self.pool.execute("alter table event_log.events enable always trigger append_only")


@asynccontextmanager
async def daemons(http: httpx.AsyncClient) -> AsyncGenerator[tuple[httpx.AsyncClient, httpx.AsyncClient]]:
    """Clients of d1 and d2."""
    async with (
        client_as(http, "daemon", daemon_id="d1") as d1,
        client_as(http, "daemon", daemon_id="d2") as d2,
    ):
        yield d1, d2


@asynccontextmanager
async def supervised(
    gateways: Gateways, nats: Client, pool: asyncpg.Pool, of: tuple[httpx.AsyncClient, httpx.AsyncClient]
) -> AsyncGenerator[Supervised]:
    contract = str((await created(gateways.clients[0]))["id"])
    world = Supervised(gateways, nats, pool, contract, f"s-{contract[:8]}", *of)

    async def hear(message: Msg) -> None:
        world.told.append((message.subject, orjson.loads(message.data)))

    listening = await nats.subscribe("makima.signals.daemon.*.superseded", cb=hear)
    await confirm_subscriptions(nats)
    await world.beat()

    async def known() -> bool:
        return (
            await world.d1.get(f"{world.path}/status")
        ).status_code == 200 and await world.assignments() != []

    await eventually(known)
    yield world
    await listening.unsubscribe()


def said(*texts: str) -> list[Json]:
    return [{"role": "assistant", "content": text} for text in texts]


async def saves(world: Supervised, **query: object) -> list[Json]:
    answer = await world.http.get(
        f"{world.path}/state", params={key: str(value) for key, value in query.items()}
    )
    assert answer.status_code == 200, answer.text
    return cast("list[Json]", body(answer)["items"])


async def state_is(world: Supervised, state: str) -> bool:
    answer = await world.http.get(f"{world.path}/status")
    return body(answer)["state"] == state


async def gone_from(world: Supervised) -> bool:
    return (await world.d1.get(f"/contracts/{world.contract}")).status_code == 404
