"""From where a recorder goes on, whatever its shards have in the database."""

from makima_kernel.nats.message import Message
from makima_supervisor_heartbeat.domain.offsets import Offset, StartOffset, start_offset_of

from tests.services.supervisor_heartbeat.messages import message

EPOCH = "e2"


def start(*sequences: int, last: int = 100, epoch: str = EPOCH) -> StartOffset:
    return start_offset_of(
        {shard: Offset(EPOCH, sequence) for shard, sequence in enumerate(sequences)}, epoch, last
    )


def unrecorded(begin: StartOffset, messages: list[Message], epoch: str = EPOCH) -> list[int]:
    return [each.sequence for each in begin.unrecorded(messages, epoch)]


def on(shard: object, *sequences: int) -> list[Message]:
    return [message(b"{}", sequence, f"makima.shards.{shard}.supervisor.d1.t1") for sequence in sequences]


def test_it_begins_behind_the_shard_that_is_furthest_back() -> None:
    assert start(30, 10, 20) == StartOffset(EPOCH, 10, {0: 30, 2: 20})


def test_what_was_recorded_of_another_stream_says_nothing() -> None:
    assert start(30, 10, epoch="e3") == StartOffset("e3", 0, {})


def test_what_was_recorded_beyond_the_end_of_a_stream_that_lost_power_says_nothing_of_what_comes_there() -> (
    None
):
    assert start(30, 40, last=20) == StartOffset(EPOCH, 20, {})
    assert start(30, 10, last=20) == StartOffset(EPOCH, 10, {})


def test_a_shard_that_is_ahead_is_not_recorded_again() -> None:
    begin = start(30, 10)
    assert unrecorded(begin, [*on(0, 11, 30, 31), *on(1, 12, 29)]) == [31, 12, 29]


def test_as_long_as_the_furthest_is_not_passed_each_shard_is_asked() -> None:
    begin = start(30, 20, 10)
    assert unrecorded(begin, [*on(0, 25), *on(1, 26), *on(2, 27)]) == [26, 27]
    assert unrecorded(begin, [*on(0, 30)]) == []


def test_the_first_message_of_a_stream_is_new_to_a_shard_that_has_none() -> None:
    begin = StartOffset(EPOCH, 0, {0: 5})
    assert unrecorded(begin, [*on(1, 1), *on(0, 2)]) == [1]


def test_behind_all_of_them_everything_is_new() -> None:
    assert unrecorded(start(30, 10), on(0, 31, 32)) == [31, 32]


def test_in_another_stream_everything_is_new() -> None:
    assert unrecorded(start(30, 10), on(0, 1, 2), "e3") == [1, 2]


def test_a_message_in_a_shard_that_is_none_holds_up_nobody() -> None:
    begin = start(30, 10)
    assert unrecorded(
        begin, [*on("foo", 11), *on("-1", 12), *on("", 13), *on(9, 14), *on(0, 15), *on(1, 16)]
    ) == [11, 12, 13, 14, 16]


def test_a_stream_that_lost_its_newest_messages_is_not_recorded_from_its_beginning_again() -> None:
    begin = start_offset_of({0: Offset("e2", 30), 1: Offset("e2", 20)}, "e2~1", 25)
    assert (begin.after, dict(begin.ahead)) == (20, {})
    assert start_offset_of({0: Offset("e2", 30)}, "e3", 25).after == 0
