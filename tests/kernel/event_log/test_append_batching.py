"""Which waiting commands go together into a call, and which stay behind in order."""

import asyncio
from collections import deque
from uuid import uuid4

from makima_kernel.event_log.append import Append
from makima_kernel.event_log.append_batching import MAX_BATCH_COMMANDS, PendingAppend, take_batch

from tests.kernel.event_log.append_builders import command, event


def queue_of(*appends: Append) -> deque[PendingAppend]:
    return deque(PendingAppend(append, asyncio.get_running_loop().create_future()) for append in appends)


def streams(batch: list[PendingAppend] | deque[PendingAppend]) -> list[str]:
    return [waiting.append.stream for waiting in batch]


async def test_strangers_go_together() -> None:
    queue = queue_of(
        command("a", event()),
        command("b"),
        command("c", event(), guard=("hold", 0)),
        command("d", guard=("hold", 0)),
    )
    assert streams(take_batch(queue)) == ["a", "b", "c", "d"]
    assert not queue


async def test_one_stream_goes_once_a_call_and_in_order() -> None:
    first, second, third = (command("a", event()) for _ in range(3))
    queue = queue_of(first, second, command("b"), third)
    assert take_batch(queue)[0].append is first
    assert [waiting.append for waiting in queue] == [second, third]
    assert [waiting.append for waiting in take_batch(queue)] == [second]


async def test_one_command_id_goes_once_a_call() -> None:
    same = uuid4()
    queue = queue_of(
        command("a", command_id=same),
        command("b", command_id=same),
        command("c", command_id=same, tenant="other"),
    )
    assert streams(take_batch(queue)) == ["a", "c"]
    assert streams(queue) == ["b"]


async def test_a_guard_does_not_go_with_what_writes_it() -> None:
    assert streams(take_batch(queue_of(command("a", guard=("hold", 0)), command("hold", event())))) == ["a"]
    assert streams(take_batch(queue_of(command("hold", event()), command("a", guard=("hold", 0))))) == [
        "hold"
    ]
    assert streams(
        take_batch(queue_of(command("hold", event(), tenant="other"), command("a", guard=("hold", 0))))
    ) == ["hold", "a"]


async def test_who_stays_behind_is_not_overtaken_on_its_stream() -> None:
    queue = queue_of(command("hold"), command("a", guard=("hold", 0)), command("a"))
    assert streams(take_batch(queue)) == ["hold"]
    assert [waiting.append.guards for waiting in take_batch(queue)] == [(("hold", 0),)]


async def test_a_call_is_bounded_in_commands_and_in_bytes() -> None:
    queue = queue_of(*(command(f"s{number}") for number in range(MAX_BATCH_COMMANDS + 5)))
    assert len(take_batch(queue)) == MAX_BATCH_COMMANDS
    assert len(queue) == 5
    big = event(b"x" * 3_000_000)
    queue = queue_of(command("a", big), command("b", big), command("c"))
    assert streams(take_batch(queue)) == ["a"]
    assert streams(take_batch(queue)) == ["b", "c"]


async def test_a_line_takes_its_share_and_leaves_the_rest_in_order() -> None:
    queue = queue_of(*(command(stream) for stream in "abcde"))
    assert streams(take_batch(queue, 2)) == ["a", "b"]
    assert streams(take_batch(queue, 2)) == ["c", "d"]
    assert streams(queue) == ["e"]


async def test_one_that_is_too_big_for_any_call_goes_alone() -> None:
    assert streams(take_batch(queue_of(command("a", event(b"x" * 5_000_000)), command("b")))) == ["a"]


async def test_who_gave_up_is_not_sent() -> None:
    queue = queue_of(command("a"), command("b"))
    queue[0].answer.cancel()
    assert streams(take_batch(queue)) == ["b"]
