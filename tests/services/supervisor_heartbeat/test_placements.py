"""A started contract without a supervisor is placed: on real servers, with the contract service beside this one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import asdict, dataclass, field, replace
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
from makima_schemas.contract.commands import CompleteContract, CreateContract, ReopenContract, StartContract
from makima_schemas.contract.events import ContractAssigned
from makima_schemas.daemon import AdmitDaemon, DaemonDisconnected
from makima_schemas.supervisor import RestorationRequested, RestoreSupervisor, SupervisorStateChanged
from makima_schemas.supervisor import SupervisorState as S
from makima_supervisor_heartbeat import app
from makima_supervisor_heartbeat.domain import cooldowns
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

    async def say(self, given: ContractAssigned, state: S) -> None:
        """A heartbeat of the supervisor of c1 that was given to a daemon."""
        connection_id = str(given.connection_id)
        beat = supervisor_beat(str(given.task_id), state, contract_id="c1", connection_id=connection_id)
        await self.beat(beat, given.daemon_id)

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


async def test_daemons_that_are_all_silent_do_not_keep_a_replica_from_placing(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However soon they are asked again."""
    monkeypatch.setattr(placements, "START_TIMEOUT_SECONDS", 0.05)
    monkeypatch.setattr(placements, "PLACEMENT_POLL_SECONDS", 0.1)
    monkeypatch.setattr(cooldowns, "COOLDOWN_SECONDS", 0.1)
    await world.replica()
    for name in ("mute-1", "mute-2", "mute-3"):
        await world.daemon(name, 2)
    await world.start()
    await eventually(lambda: len(world.asked) > 3)
    await world.daemon("able", 9, ACCEPTED)
    (given,) = await eventually(world.assignments)
    assert given.daemon_id == "able"


async def test_whose_owner_no_daemon_serves_takes_nobody_s_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "BATCH_SIZE", 1)
    await world.replica()
    await world.daemon("bobs", 9, ACCEPTED, owner="bob")
    await world.start()
    await world.send("contract", "create_contract", "c2", CreateContract("demo", "bob"))
    await world.send("contract", "start_contract", "c2", StartContract())
    await eventually(lambda: world.assignments("c2"))
    assert [each["contract_id"] for each in world.asked] == ["c2"]
    assert (
        await world.pool.fetchval(
            "select count(*) from supervisor_heartbeat.placements where contract_id = 'c1'"
        )
        == 0
    )
    await world.daemon("anyones", 9, ACCEPTED)
    (given,) = await eventually(world.assignments)
    assert given.daemon_id == "anyones"


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
    await world.daemon("d3", 2, ACCEPTED)
    await world.start("c2")  # a sign that a round has passed: it comes later
    await eventually(lambda: world.assignments("c2"))
    of_c1 = [each["daemon_id"] for each in world.asked if each["contract_id"] == "c1"]
    assert of_c1 == ["d1"], "d1 is connected: it starts its supervisor again by itself"
    await call(world.pool, command("daemon-d1", new_event(DaemonDisconnected(EVIDENCE))))
    await eventually(lambda: len([each for each in world.asked if each["contract_id"] == "c1"]) == 2)
    first, second = (each for each in world.asked if each["contract_id"] == "c1")
    assert second["task_id"] == first["task_id"]
    assert second["connection_id"] != first["connection_id"]
    requested = await _requested(world, task_id)
    assert (requested.daemon_id, requested.connection_id) == ("d3", second["connection_id"])
    assert await world.assignments() == [given]


async def test_a_restoration_that_cannot_be_recorded_now_is_asked_of_the_same_daemon_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placements, "PLACEMENT_POLL_SECONDS", 0.1)
    await world.replica()
    await world.daemon("d1", 1, ACCEPTED)
    await world.daemon("d2", 9, ACCEPTED, owner="bob")
    await world.start()
    (given,) = await eventually(world.assignments)
    await world.say(given, S.WORKING)
    await world.until(f"supervisor-{given.task_id}", 1)
    monkeypatch.setattr(placements, "RECORD_TIMEOUT_SECONDS", 1e-6)  # no reply comes in time
    await world.daemon("d3", 1, ACCEPTED)
    silent = SupervisorStateChanged(
        "c1", "d1", given.connection_id, S.WORKING, S.INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    await call(world.pool, command("daemon-d1", new_event(DaemonDisconnected(EVIDENCE))))
    await call(world.pool, command(f"supervisor-{given.task_id}", new_event(silent)))
    await eventually(lambda: len(world.asked) >= 3)
    monkeypatch.setattr(placements, "RECORD_TIMEOUT_SECONDS", 8.0)
    requested = await _requested(world, str(given.task_id))
    assert {each["connection_id"] for each in world.asked[1:]} == {requested.connection_id}
    assert set(world.whom()[1:]) == {"d3"}


async def test_a_restored_contract_that_completed_and_is_reopened_is_driven_again(world: World) -> None:
    """Only what a restoration hands out is in force of a supervisor that was restored before."""
    await world.replica()
    await world.daemon("d1", 5, ACCEPTED)
    await world.start()
    (given,) = await eventually(world.assignments)
    task_id = str(given.task_id)
    await world.say(given, S.WORKING)
    await world.until(f"supervisor-{task_id}", 1)
    await world.send(app.NAME, "restore_supervisor", task_id, RestoreSupervisor("c1", "d1", "restored-1"))
    await world.say(replace(given, connection_id="restored-1"), S.WORKING)
    await eventually(lambda: _has_assignments(world, 2))
    await world.say(replace(given, connection_id="restored-1"), S.COMPLETED)
    await world.until(f"supervisor-{task_id}", 5)
    await world.send("contract", "complete_contract", "c1", CompleteContract())
    await world.send("contract", "reopen_contract", "c1", ReopenContract("a bug"))

    await eventually(lambda: len(world.asked) == 2)
    again = world.asked[1]["connection_id"]
    assert (await _requested(world, task_id, 2)).connection_id == again
    await world.say(replace(given, connection_id=again), S.WORKING)
    await eventually(lambda: _has_assignments(world, 3))
    last = (await world.events(f"supervisor-{task_id}"))[-2]
    assert isinstance(last, SupervisorStateChanged)
    assert (last.connection_id, last.new_state) == (again, S.WORKING)
    assert (await world.assignments())[-1] == ContractAssigned("d1", "restored", again, task_id)


async def _requested(world: World, task_id: str, count: int = 1) -> RestorationRequested:
    """The newest restoration that was asked for, once there are so many."""

    async def there() -> list[RestorationRequested]:
        events = await world.events(f"supervisor-{task_id}")
        found = [each for each in events if isinstance(each, RestorationRequested)]
        return found if len(found) == count else []

    return (await eventually(there))[-1]


async def _has_assignments(world: World, count: int) -> bool:
    return len(await world.assignments()) == count


async def _is_wanted(world: World) -> bool:
    found = await world.pool.fetchval(
        "select count(*) from supervisor_heartbeat.placements where contract_id = 'c1'"
    )
    return found == 1
