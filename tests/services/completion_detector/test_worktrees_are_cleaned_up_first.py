"""Completion waits for the daemons that ran a contract, if they hold worktrees; and never longer than its
deadline.
"""

from datetime import UTC, datetime

import msgspec
import orjson
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.contract import commands as c
from makima_schemas.contract.events import ContractCompleted
from makima_schemas.heartbeat import DaemonHeartbeat
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import SHIPPED, supervised


async def finish(world: World, *, daemon: str | None = None) -> ContractCompleted:
    """How the contract was completed, whose supervisor `daemon` ran."""
    await world.send("c1", simple(contract_type="execute"), c.StartContract())
    if daemon is not None:
        await supervised(world, "c1", daemon)
        await world.until(
            "c1", "TaskCreated"
        )  # the supervisor's; from here on nothing but the completion moves the contract
    await world.send("c1", SHIPPED)
    await world.until("c1", "ContractCompleted")
    completed = (await world.history("c1"))[-1]
    assert isinstance(completed, ContractCompleted)
    return completed


async def test_nobody_ran_it_so_there_is_nothing_to_clean(world: World) -> None:
    await world.replica()
    assert await finish(world) == ContractCompleted("no_worktrees")


async def test_a_daemon_removes_its_worktree_and_says_so(world: World, nats: Client) -> None:
    asked: list[object] = []

    async def remove(message: Msg) -> None:
        asked.append(orjson.loads(message.data))
        await message.respond(b'{"removed": 1}')

    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    await world.replica()
    assert await finish(world, daemon="d1") == ContractCompleted("cleanup_done")
    assert asked == [{"contract_id": "c1"}]


async def test_a_daemon_that_says_it_holds_none_is_not_asked(world: World, nats: Client) -> None:
    asked: list[Msg] = []
    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=_note(asked))
    detector = await world.replica()
    beat = DaemonHeartbeat("d1", "a-host", 1, datetime.now(UTC), worktrees=0)
    heard = detector.nats.stats["in_msgs"]
    await nats.publish(subjects.daemon_heartbeat("d1"), msgspec.json.encode(beat))
    await nats.publish(subjects.daemon_heartbeat("d1"), b"not a heartbeat")
    await eventually(lambda: detector.nats.stats["in_msgs"] >= heard + 2)
    assert await finish(world, daemon="d1") == ContractCompleted("no_worktrees")
    assert asked == []


async def test_a_daemon_cannot_say_for_another_that_it_holds_none(world: World, nats: Client) -> None:
    asked: list[object] = []

    async def remove(message: Msg) -> None:
        asked.append(orjson.loads(message.data))
        await message.respond(b'{"removed": 1}')

    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    detector = await world.replica()
    heard = detector.nats.stats["in_msgs"]
    of_another = DaemonHeartbeat("d1", "a-host", 1, datetime.now(UTC), worktrees=0)
    await nats.publish(subjects.daemon_heartbeat("d2"), msgspec.json.encode(of_another))
    await eventually(lambda: detector.nats.stats["in_msgs"] > heard)
    assert await finish(world, daemon="d1") == ContractCompleted("cleanup_done")
    assert asked == [{"contract_id": "c1"}]


async def test_a_daemon_that_speaks_protobuf_is_heard(world: World, nats: Client) -> None:
    asked: list[Msg] = []
    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=_note(asked))
    detector = await world.replica()
    # daemon_id, hostname, seq and timestamp; worktrees 0 is not on the wire
    beat = b"\x0a\x02d1\x12\x04host\x18\x01\x22\x06\x08\x80\xe2\xcf\xaa\x06"
    heard = detector.nats.stats["in_msgs"]
    kind = {"Content-Type": "application/x-protobuf"}
    await nats.publish(subjects.daemon_heartbeat("d1"), beat, headers=kind)
    await eventually(lambda: detector.nats.stats["in_msgs"] > heard)
    assert await finish(world, daemon="d1") == ContractCompleted("no_worktrees")
    assert asked == []


def _note(asked: list[Msg]):
    async def note(message: Msg) -> None:
        asked.append(message)

    return note
