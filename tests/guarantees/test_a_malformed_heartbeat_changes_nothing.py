"""Guarantee 6, for heartbeats: what is malformed changes nothing, stops nobody, and is found with its reason."""

import random
from datetime import UTC, datetime

import msgspec
import orjson
import pytest
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES

from tests.services.supervisor_heartbeat.conftest import fleet
from tests.services.supervisor_heartbeat.running import Running, daemon_beat, supervisor_beat

__all__ = ["fleet"]  # a fixture, found by its name

MINE = subjects.supervisor_heartbeat("d1", "bad")
GOOD = orjson.loads(msgspec.json.encode(supervisor_beat("bad")))

MALFORMED = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "null": b"null",
    "no UTF-8": b'{"task_id":"\xff"}',
    "a member is missing": orjson.dumps({name: value for name, value in GOOD.items() if name != "contract_id"}),
    "another task than its subject": orjson.dumps({**GOOD, "task_id": "other"}),
    "a state that nobody knows": orjson.dumps({**GOOD, "state": "dreaming"}),
    "the system's own word": orjson.dumps({**GOOD, "state": "interrupted"}),
    "progress above 100": orjson.dumps({**GOOD, "progress": 101}),
    "progress below 0": orjson.dumps({**GOOD, "progress": -1}),
    "progress is no number": orjson.dumps({**GOOD, "progress": "half"}),
    "an id with a space": orjson.dumps({**GOOD, "contract_id": "a b"}),
    "an id that is too long": orjson.dumps({**GOOD, "connection_id": "x" * 65}),
    "a time without zone": orjson.dumps({**GOOD, "timestamp": "2026-01-01T00:00:00"}),
    "a NUL in a text": orjson.dumps({**GOOD, "current_activity": "a\0b"}),
    "too large": orjson.dumps({**GOOD, "current_activity": "x" * MAX_HEARTBEAT_BYTES}),
    "too many tasks": orjson.dumps({**GOOD, "pending_task_ids": [str(n) for n in range(300)]}),
}


@pytest.mark.parametrize("why", MALFORMED)
async def test_it_is_set_aside_and_those_around_it_are_recorded(fleet: Running, why: str) -> None:
    await fleet.beat(supervisor_beat("before"))
    sequence = await fleet.publish(MINE, MALFORMED[why])
    await fleet.beat(supervisor_beat("after"))
    await fleet.recorded()
    assert [row["sender"] for row in await fleet.rows()] == ["supervisor-before", "supervisor-after"]
    assert await fleet.events("supervisor-bad") == []
    [letter] = await fleet.letters()
    assert letter["reason"]
    assert isinstance(letter["origin"], dict)
    assert letter["origin"]["sequence"] == sequence


async def test_subjects_of_no_sender_and_contents_of_no_kind_are_set_aside(fleet: Running) -> None:
    body = msgspec.json.encode(supervisor_beat("t1"))
    await fleet.publish("makima.heartbeats.supervisor.d1", body)
    await fleet.publish("makima.heartbeats.toaster.d1.t1", body)
    await fleet.publish("makima.heartbeats.supervisor.d1.t1.more", body)
    await fleet.publish(subjects.supervisor_heartbeat("d1", "t1"), body, {"Content-Type": "text/yaml"})
    await fleet.recorded()
    assert await fleet.rows() == []

    async def all_four() -> bool:
        return len(await fleet.letters()) == 4

    await eventually(all_four)


async def test_a_thousand_broken_ones_between_good_ones_cost_none_of_those(fleet: Running) -> None:
    chance = random.Random(20260131)
    good = 0
    for number in range(1000):
        beat = supervisor_beat(f"t{number}") if number % 2 else daemon_beat(f"d{number}")
        intact = number % 10 == 0
        body = bytearray(msgspec.json.encode(beat))
        if not intact:
            del body[chance.randrange(1, len(body)) :]  # cut off anywhere: never a whole object
        subject = subjects.supervisor_heartbeat("d1", f"t{number}") if number % 2 else subjects.daemon_heartbeat(f"d{number}")
        await fleet.nats.publish(subject, bytes(body))
        good += intact
    await fleet.beat(supervisor_beat("last", timestamp=datetime.now(UTC)))
    await fleet.recorded()
    assert len(await fleet.rows()) == good + 1

    async def all_bad_ones() -> bool:
        return (await fleet.nats.jetstream().stream_info(subjects.DEAD_LETTERS_STREAM)).state.messages == 1000 - good

    await eventually(all_bad_ones)
