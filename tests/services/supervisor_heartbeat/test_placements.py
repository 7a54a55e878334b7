"""A started contract without a supervisor is placed: on real servers, with the contract service beside this one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field
from uuid import uuid4

import asyncpg
import orjson
import pytest
from makima_contract import app as contract
from makima_kernel.event_log.append import new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.codec import decode
from makima_schemas.commands import Accepted, Request
from makima_schemas.contract.commands import CreateContract, StartContract
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.daemon import AdmitDaemon, DaemonDisconnected
from makima_schemas.supervisor import SupervisorState as S
from makima_schemas.supervisor import SupervisorStateChanged
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.handlers import placements
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.kernel.event_log.append_builders import call, command
from tests.services.gateway.sender_samples import EVIDENCE
from tests.services.supervisor_heartbeat.harness import Fleet, daemon_beat, supervisor_beat

ACCEPTED: dict[str, object] = {"accepted": True}


@dataclass(frozen=True)
class World(Fleet):
    """Both services, and daemons that answer as a test tells them to."""

    started: AsyncExitStack
    settings: Settings
    contract_service: Service
    asked: list[dict[str, str]] = field(default_factory=list[dict[str, str]])

    async def replica(self, stack: AsyncExitStack | None = None) -> Service:
        return await (stack or self.started).enter_async_context(
            Service.running(app.NAME, self.settings, app.build)
        )

    async def daemon(
        self,
        daemon_id: str,
        capacity: int,
        answer: dict[str, object] | None = None,
        *,
        owner: str | None = None,
    ) -> None:
        """`answer` null: it says nothing."""

        async def on_start(message: Msg) -> None:
            self.asked.append({"daemon_id": daemon_id, **orjson.loads(message.data)})
            if answer is not None:
                await message.respond(orjson.dumps(answer))

        await self.nats.subscribe(subjects.daemon_signal(daemon_id, "start"), cb=on_start)
        await confirm_subscriptions(self.nats)
        if owner is not None:
            await self.send(app.NAME, "admit_daemon", daemon_id, AdmitDaemon(daemon_id, owner))
        await self.beat(daemon_beat(daemon_id, capacity=capacity))
        await self.until(f"daemon-{daemon_id}", 1 if owner is None else 2)

    async def send(self, service: str, name: str, target: str, command: object) -> None:
        request: Request[object] = Request(uuid4(), target, asdict(command))  # pyright: ignore[reportArgumentType] - any command
        reply = await self.contract_service.bus.ask(service, name, request)
        assert isinstance(reply, Accepted), reply

    async def start(self, contract_id: str = "c1") -> None:
        await self.send("contract", "create_contract", contract_id, CreateContract("demo", "ada"))
        await self.send("contract", "start_contract", contract_id, StartContract())
        self.contracts.add(contract_id)

    async def assignments(self, contract_id: str = "c1") -> list[ContractAssigned]:
        events = [
            decode(each.type, each.schema, each.data)
            for each in await self.log.stream("default", f"contract-{contract_id}")
        ]
        return [each for each in events if isinstance(each, ContractAssigned)]

    def whom(self) -> list[str]:
        return [each["daemon_id"] for each in self.asked]


@pytest.fixture
async def world(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[World]:
    await provision(nats, Log(pool), budget=0.01)
    async with AsyncExitStack() as started:
        service = await started.enter_async_context(Service.running(contract.NAME, settings, contract.build))
        yield World(nats, pool, Log(pool), started, settings, service)


async def test_the_daemon_with_most_room_gets_it_with_a_task_and_a_connection(world: World) -> None:
    await world.replica()
    await world.daemon("d1", 2, ACCEPTED)
    await world.daemon("d2", 9, ACCEPTED)
    await world.daemon("d3", 99, ACCEPTED, owner="bob")
    await world.start()
    (given,) = await eventually(world.assignments)
    assert world.whom() == ["d2"]
    (start,) = world.asked
    assert given == ContractAssigned("d2", "placed", start["connection_id"], start["task_id"])
    assert (start["contract_id"], start["contract_type"], start["phase"], start["role"]) == (
        "c1", "simple", "plan", "supervisor",
    )  # fmt: skip

    # The one handed out is in force: one of before that was held up fences nobody off.
    beats = {"contract_id": "c1", "task_id": start["task_id"]}
    await world.beat(supervisor_beat(**beats, connection_id="older"), "d2")  # pyright: ignore[reportArgumentType] - members
    await world.beat(supervisor_beat(**beats, connection_id=start["connection_id"]), "d2")  # pyright: ignore[reportArgumentType] - members
    await world.beat(supervisor_beat(**beats, connection_id="older"), "d2")  # pyright: ignore[reportArgumentType] - members
    await world.recorded()
    (registered,) = await world.until(f"supervisor-{start['task_id']}", 1)
    assert registered.connection_id == start["connection_id"]  # pyright: ignore[reportAttributeAccessIssue] - it is a SupervisorRegistered
    assert len(await world.assignments()) == 1


async def test_who_refuses_or_is_silent_is_passed_over(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(placements, "START_TIMEOUT_SECONDS", 0.3)
    await world.replica()
    await world.daemon("full", 9, {"accepted": False, "reason": "no room"})
    await world.daemon("mute", 8)
    await world.daemon("odd", 7, {"ok": True})
    await world.daemon("able", 6, ACCEPTED)
    await world.start()
    (given,) = await eventually(world.assignments)
    assert (given.daemon_id, world.whom()) == ("able", ["full", "mute", "odd", "able"])


async def test_without_a_daemon_it_waits_for_one_also_over_a_restart_of_the_service(world: World) -> None:
    async with AsyncExitStack() as first:
        await world.replica(first)
        await world.daemon("full", 0, ACCEPTED)
        await world.start()
        await eventually(lambda: _is_wanted(world))
    assert world.asked == []
    await world.replica()
    await world.beat(daemon_beat("full", capacity=1))
    (given,) = await eventually(world.assignments)
    assert given.daemon_id == "full"


async def test_two_replicas_ask_once(world: World) -> None:
    await asyncio.gather(world.replica(), world.replica())
    await world.daemon("d1", 50, ACCEPTED)
    names = [f"c{number}" for number in range(8)]
    for name in names:
        await world.start(name)

    async def all_given() -> bool:
        return all([await world.assignments(name) for name in names])

    await eventually(all_given)
    assert sorted(each["contract_id"] for each in world.asked) == names


async def test_a_service_that_dies_between_the_answer_and_the_record_asks_the_same_daemon_again(
    world: World,
) -> None:
    """The daemon that accepted has no room left in its next heartbeat, and another one has."""
    async with AsyncExitStack() as first:
        await world.replica(first)
        dying = asyncio.Event()

        async def on_start(message: Msg) -> None:
            world.asked.append({"daemon_id": "d1", **orjson.loads(message.data)})
            if dying.is_set():
                await message.respond(orjson.dumps(ACCEPTED))
            dying.set()

        await world.nats.subscribe(subjects.daemon_signal("d1", "start"), cb=on_start)
        await confirm_subscriptions(world.nats)
        await world.beat(daemon_beat("d1", capacity=1))
        await world.start()
        await asyncio.wait_for(dying.wait(), 20)
    await world.pool.execute("update supervisor_heartbeat.placements set held_until = clock_timestamp()")
    await world.beat(daemon_beat("d1", capacity=0))
    await world.beat(daemon_beat("d2", capacity=50))
    await world.replica()
    (given,) = await eventually(world.assignments)
    assert (given.daemon_id, world.whom()) == ("d1", ["d1", "d1"])
    assert world.asked[0]["connection_id"] == world.asked[1]["connection_id"] == given.connection_id


async def test_a_contract_whose_supervisor_is_heard_is_asked_of_nobody(world: World) -> None:
    await world.replica()
    await world.daemon("plain", 0)
    await world.send("contract", "create_contract", "c1", CreateContract("demo", "ada"))
    world.contracts.add("c1")
    await world.beat(supervisor_beat("t1", contract_id="c1"), "plain")
    (given,) = await eventually(world.assignments)
    assert given == ContractAssigned("plain", "first_heard")
    await world.daemon("d1", 50, ACCEPTED)
    await world.start("c2")  # a sign that what came before was looked at
    await eventually(lambda: world.assignments("c2"))
    assert [each["contract_id"] for each in world.asked] == ["c2"]


async def test_a_contract_of_a_lost_machine_is_asked_of_another_daemon_which_restores_it(
    world: World,
) -> None:
    """Who gets it, its restoration says: until that is proved, the supervisor of before may come back and win."""
    await world.replica()
    await world.daemon("d1", 1, ACCEPTED)
    await world.daemon("d2", 1, ACCEPTED, owner="bob")
    await world.start()
    (given,) = await eventually(world.assignments)
    assert given.connection_id is not None
    task_id = str(given.task_id)
    await world.beat(supervisor_beat(task_id, contract_id="c1", connection_id=given.connection_id), "d1")
    await world.until(f"supervisor-{task_id}", 1)
    silent = SupervisorStateChanged(
        "c1", "d1", given.connection_id, S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await call(world.pool, command(f"supervisor-{task_id}", new_event(silent)))
    await world.daemon("d3", 1, ACCEPTED)
    assert world.whom() == ["d1"], "d1 is connected: it starts its supervisor again by itself"
    await call(world.pool, command("daemon-d1", new_event(DaemonDisconnected(EVIDENCE))))
    await eventually(lambda: world.whom() == ["d1", "d3"])
    first, second = world.asked
    assert second["task_id"] == first["task_id"]
    assert second["connection_id"] != first["connection_id"]
    assert await world.assignments() == [given]


async def _is_wanted(world: World) -> bool:
    found = await world.pool.fetchval(
        "select count(*) from supervisor_heartbeat.placements where contract_id = 'c1'"
    )
    return found == 1
