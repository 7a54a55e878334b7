"""A command becomes events once, decided on the newest state, whichever replica it reaches."""

import asyncio
from dataclasses import replace

import asyncpg
from makima_kernel.event_log.log import Log
from makima_schemas.commands import Accepted, Problem, Reply
from makima_schemas.errors import ErrorCode

from tests.kernel.commands.toggle_aggregate import OFF, ON, MakeToggle, SwitchOn, request


def refused(reply: Reply, code: ErrorCode) -> Problem:
    assert isinstance(reply, Problem)
    assert reply.code is code, reply
    return reply


async def test_what_was_decided_is_in_the_log_with_its_actor(
    make_toggle: MakeToggle, pool: asyncpg.Pool
) -> None:
    first = await make_toggle()
    assert await first.handle(request(actor="ada"), ON) == Accepted(1, 1)
    [event] = await Log(pool).stream("default", "daemon-toggle")
    assert (event.type, event.meta.get("actor")) == ("DaemonConnected", "ada")


async def test_a_repeat_gets_the_first_answer_even_where_it_would_be_refused_now(
    make_toggle: MakeToggle,
) -> None:
    first, second = await make_toggle(), await make_toggle()
    await first.handle(request(), ON)
    off = request()
    answer = await first.handle(off, OFF)
    assert answer == Accepted(2, 2)
    assert await second.handle(off, OFF) == answer
    assert await first.handle(off, OFF) == answer


async def test_a_command_that_changes_nothing_says_so_and_again_when_repeated(
    make_toggle: MakeToggle,
) -> None:
    first, second = await make_toggle(), await make_toggle()
    await first.handle(request(), ON)
    again = request()
    assert await first.handle(again, ON) == Accepted(1, 1, changed=False)
    await first.handle(request(), OFF)
    assert await second.handle(again, ON) == Accepted(1, 1, changed=False), (
        "on would be accepted with an event now"
    )


async def test_the_same_id_for_another_request_is_told(make_toggle: MakeToggle) -> None:
    first = await make_toggle()
    used = request()
    await first.handle(used, ON)
    refused(await first.handle(used, SwitchOn("b")), ErrorCode.IDEMPOTENCY_KEY_REUSED)
    await first.handle(request(), OFF)
    refused(await first.handle(used, OFF), ErrorCode.IDEMPOTENCY_KEY_REUSED)


async def test_a_refusal_from_memory_is_checked_against_the_log(make_toggle: MakeToggle) -> None:
    first, second = await make_toggle(), await make_toggle()
    await first.handle(request(), ON)
    await first.handle(request(), OFF)
    await second.handle(request(), ON)
    assert await first.handle(request(), OFF) == Accepted(4, 4), (
        "the first replica's memory says off, the log says on"
    )
    assert await second.handle(request(expected_version=4), ON) == Accepted(5, 5), (
        "its memory is at version 3"
    )


async def test_a_stale_expectation_is_answered_with_the_truth(make_toggle: MakeToggle) -> None:
    first = await make_toggle()
    await first.handle(request(), ON)
    problem = refused(await first.handle(request(expected_version=7), OFF), ErrorCode.VERSION_CONFLICT)
    assert problem.members == {"expected": 7, "actual": 1, "on": True}


async def test_of_many_with_one_expectation_exactly_one_succeeds(make_toggle: MakeToggle) -> None:
    replicas = [await make_toggle() for _ in range(4)]
    await replicas[0].handle(request(), ON)
    replies = await asyncio.gather(
        *(replicas[i % 4].handle(request(expected_version=1), OFF) for i in range(32))
    )
    assert sum(isinstance(reply, Accepted) for reply in replies) == 1
    losers = [
        refused(reply, ErrorCode.VERSION_CONFLICT) for reply in replies if not isinstance(reply, Accepted)
    ]
    assert {(loser.members["expected"], loser.members["actual"]) for loser in losers} == {(1, 2)}


async def test_without_an_expectation_a_lost_race_is_decided_again(make_toggle: MakeToggle) -> None:
    replicas = [await make_toggle() for _ in range(4)]
    replies = await asyncio.gather(*(replicas[i % 4].handle(request(), ON) for i in range(32)))
    assert sum(isinstance(reply, Accepted) and reply.changed for reply in replies) == 1
    assert all(isinstance(reply, Accepted) for reply in replies)


async def test_a_guard_that_moved_on_refuses(make_toggle: MakeToggle) -> None:
    first = await make_toggle()
    await first.handle(replace(request(), target="guard"), ON)
    refused(await first.handle(request(guard=("daemon-guard", 0)), ON), ErrorCode.VERSION_CONFLICT)
    assert await first.handle(request(guard=("daemon-guard", 1)), ON) == Accepted(1, 2)


async def test_a_target_that_is_no_id_is_refused(make_toggle: MakeToggle) -> None:
    first = await make_toggle()
    refused(await first.handle(replace(request(), target="a b"), ON), ErrorCode.INVALID_REQUEST)


async def test_an_event_that_is_too_large_is_told_with_the_limit_that_it_broke(
    make_toggle: MakeToggle,
) -> None:
    first = await make_toggle()
    problem = refused(await first.handle(request(), SwitchOn("x" * 300_000)), ErrorCode.PAYLOAD_TOO_LARGE)
    assert problem.members == {"limit": 262_144}
    assert problem.detail == "an event, or all events of the command together, exceed 262144 bytes"
