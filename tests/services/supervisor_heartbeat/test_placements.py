"""A started contract without a supervisor is placed: on real servers, with the contract service beside this one."""

import asyncio
from contextlib import AsyncExitStack

import orjson
import pytest
from makima_kernel.commands.daemon_start import StartAnswer, ask_to_start
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.testing import PATIENCE, eventually
from makima_schemas import subjects
from makima_schemas.contract.commands import CreateContract, StartContract
from makima_schemas.contract.events import ContractAssigned
from makima_supervisor_heartbeat.domain import cooldowns
from makima_supervisor_heartbeat.handlers import placements
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.supervisor_heartbeat.harness import daemon_beat, supervisor_beat
from tests.services.supervisor_heartbeat.placing import ACCEPTED, World


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


async def test_who_refuses_or_is_silent_for_five_seconds_is_passed_over(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_time = list[float]()

    async def ask_briefly_who_is_silent(
        nats: Client, daemon_id: str, start: dict[str, str | None], *, timeout: float
    ) -> StartAnswer:
        given_time.append(timeout)
        return await ask_to_start(nats, daemon_id, start, timeout=0.1 if daemon_id == "mute" else PATIENCE)

    monkeypatch.setattr(placements, "ask_to_start", ask_briefly_who_is_silent)
    await world.replica()
    await world.daemon("full", 9, {"accepted": False, "reason": "no room"})
    await world.daemon("mute", 8)
    await world.daemon("odd", 7, {"ok": True})
    await world.daemon("able", 6, ACCEPTED)
    await world.start()
    (given,) = await eventually(world.assignments)
    assert (given.daemon_id, world.whom()) == ("able", ["full", "mute", "odd", "able"])
    assert given_time == [5.0] * 4


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
        await asyncio.wait_for(dying.wait(), PATIENCE)
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


async def _is_wanted(world: World) -> bool:
    found = await world.pool.fetchval(
        "select count(*) from supervisor_heartbeat.placements where contract_id = 'c1'"
    )
    return found == 1
