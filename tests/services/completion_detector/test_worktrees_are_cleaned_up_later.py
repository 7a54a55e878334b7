"""The query `cleanup_worktrees`: of a contract that has ended, and with an answer that can be relied on."""

import orjson
from makima_kernel.nats.connection import confirm_subscriptions
from makima_schemas import subjects
from makima_schemas.commands import Problem
from makima_schemas.contract import commands as c
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.services.completion_detector.conftest import World, simple
from tests.services.completion_detector.contract_steps import joined, supervised


async def cleaned(world: World, contract_id: str) -> dict[str, object] | Problem:
    return await world.contract.bus.query(
        "completion_detector", "cleanup_worktrees", {"contract_id": contract_id}
    )


async def test_only_once_it_has_ended(world: World) -> None:
    await world.replica()
    await world.send("c1", simple(), c.StartContract())
    refused = await cleaned(world, "c1")
    assert isinstance(refused, Problem)
    assert (refused.code, refused.members["from"]) == (ErrorCode.INVALID_TRANSITION, "active")
    unknown = await cleaned(world, "nobody")
    assert isinstance(unknown, Problem)
    assert unknown.code is ErrorCode.CONTRACT_NOT_FOUND


async def test_whoever_holds_some_is_asked_and_nobody_else(world: World, nats: Client) -> None:
    asked: list[object] = []

    async def remove(message: Msg) -> None:
        asked.append(orjson.loads(message.data))
        await message.respond(b'{"removed": 1}')

    await world.replica()
    await world.send("c1", simple(), c.StartContract())
    await supervised(world, "c1", "d1")
    await world.send("c1", c.FailContract())
    unheard = await cleaned(world, "c1")
    assert isinstance(unheard, Problem)
    assert (unheard.code, "d1" in unheard.detail) == (ErrorCode.UNAVAILABLE, True)
    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    await confirm_subscriptions(nats)
    assert await cleaned(world, "c1") == {"daemons": ["d1"]}
    assert asked == [{"contract_id": "c1"}]
    await world.send("c2", simple(), c.FailContract())
    assert await cleaned(world, "c2") == {"daemons": []}


async def test_a_daemon_that_was_given_the_contract_or_ran_any_agent_of_it_is_asked(
    world: World, nats: Client
) -> None:
    async def remove(message: Msg) -> None:
        await message.respond(b'{"removed": 1}')

    await world.replica()
    await world.send("c1", simple(), c.StartContract(), c.AssignContract("given", "placed"))
    await joined(world, "c1", "ran-a-builder")
    await joined(world, "c1", None)
    await world.send("c1", c.FailContract())
    for daemon in ("given", "ran-a-builder"):
        await nats.subscribe(subjects.daemon_signal(daemon, "cleanup_worktrees"), cb=remove)
    await confirm_subscriptions(nats)
    assert await cleaned(world, "c1") == {"daemons": ["given", "ran-a-builder"]}


async def test_the_worktrees_of_a_deleted_contract_can_be_cleaned_up(world: World, nats: Client) -> None:
    async def remove(message: Msg) -> None:
        await message.respond(b'{"removed": 1}')

    await world.replica()
    await world.send("c1", simple(), c.StartContract())
    await supervised(world, "c1", "d1")
    await world.send("c1", c.FailContract(), c.ArchiveContract(), c.DeleteContract())
    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=remove)
    await confirm_subscriptions(nats)
    assert await cleaned(world, "c1") == {"daemons": ["d1"]}


async def test_a_worktree_that_the_daemon_keeps_is_not_called_removed(world: World, nats: Client) -> None:
    async def keep(message: Msg) -> None:
        await message.respond(b'{"removed": 0, "kept": 1, "reason": "it has something uncommitted"}')

    await world.replica()
    await world.send("c1", simple(), c.StartContract())
    await supervised(world, "c1", "d1")
    await world.send("c1", c.FailContract())
    await nats.subscribe(subjects.daemon_signal("d1", "cleanup_worktrees"), cb=keep)
    await confirm_subscriptions(nats)
    kept = await cleaned(world, "c1")
    assert isinstance(kept, Problem)
    assert (kept.code, kept.detail) == (
        ErrorCode.UNAVAILABLE,
        "daemon d1 kept the worktree: it has something uncommitted",
    )


async def test_what_each_of_several_daemons_did_is_told(world: World, nats: Client) -> None:
    """Who confirms has not always had one; and beside one that keeps its worktree another has removed its own."""
    answers = {
        "had-none": b'{"removed": 0}',
        "had-one": b'{"removed": 1}',
        "has-it-still": b'{"removed": 0, "kept": 1, "reason": "it is locked"}',
    }

    async def answer(message: Msg) -> None:
        await message.respond(answers[message.subject.split(".")[-2]])

    await world.replica()
    await world.send("c1", simple(), c.StartContract())
    for daemon in answers:
        await joined(world, "c1", daemon)
        await nats.subscribe(subjects.daemon_signal(daemon, "cleanup_worktrees"), cb=answer)
    await world.send("c1", c.FailContract())
    await confirm_subscriptions(nats)
    kept = await cleaned(world, "c1")
    assert isinstance(kept, Problem)
    assert kept.detail == (
        "daemon had-one removed its worktree; daemon has-it-still kept the worktree: it is locked"
    )
    answers["has-it-still"] = answers["had-none"]
    assert await cleaned(world, "c1") == {"daemons": ["had-one"]}
