"""Guarantee 6, for heartbeats: what is malformed changes nothing, stops nobody, and is found with its reason."""

import random
from base64 import b64decode
from datetime import UTC, datetime
from typing import cast

import hypothesis
import msgspec
import orjson
from hypothesis import strategies as st
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.heartbeat import MAX_HEARTBEAT_BYTES
from makima_schemas.heartbeat_codec import MalformedHeartbeatError, decode_subject
from makima_supervisor_heartbeat.domain.batching.batch_builder import BatchBuilder
from makima_supervisor_heartbeat.domain.heartbeats import read
from makima_supervisor_heartbeat.domain.sender_cache import SenderCache

from tests.services.supervisor_heartbeat.conftest import fleet
from tests.services.supervisor_heartbeat.harness import Running, daemon_beat, supervisor_beat
from tests.services.supervisor_heartbeat.messages import SUBJECT, bodies, message

__all__ = ["fleet"]  # a fixture, found by its name

MINE = subjects.supervisor_heartbeat("d1", "bad")
GOOD = orjson.loads(msgspec.json.encode(supervisor_beat("bad")))

MALFORMED = {
    "empty": b"",
    "no JSON": b"{",
    "no object": b"[]",
    "null": b"null",
    "no UTF-8": b'{"task_id":"\xff"}',
    "nested too deep": b"[" * 2000,
    "nested too deep in a member that nobody knows": orjson.dumps(GOOD)[:-1]
    + b',"x":'
    + b"[" * 2000
    + b"]" * 2000
    + b"}",
    "a member is missing": orjson.dumps(
        {name: value for name, value in GOOD.items() if name != "contract_id"}
    ),
    "another task than its subject": orjson.dumps({**GOOD, "task_id": "other"}),
    "a state that nobody knows": orjson.dumps({**GOOD, "state": "dreaming"}),
    "the system's own word": orjson.dumps({**GOOD, "state": "interrupted"}),
    "an id with a space": orjson.dumps({**GOOD, "contract_id": "a b"}),
    "an id that is too long": orjson.dumps({**GOOD, "connection_id": "x" * 65}),
    "too large": orjson.dumps({**GOOD, "current_activity": "x" * MAX_HEARTBEAT_BYTES}),
    "very large": b"x" * 1_000_000,
}


async def test_it_is_set_aside_with_its_reason_and_those_around_it_are_recorded(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("bad", current_activity="before"))
    await fleet.until("supervisor-bad", 1)
    await fleet.recorded()
    before = await fleet.latest("supervisor-bad")
    sequences = [await fleet.publish(MINE, payload) for payload in MALFORMED.values()]
    await fleet.recorded()
    assert await fleet.latest("supervisor-bad") == before
    await fleet.beat(supervisor_beat("bad", current_activity="after"))
    await fleet.recorded()
    assert [row["activity"] for row in await fleet.rows()] == ["before", "after"]
    assert len(await fleet.events("supervisor-bad")) == 1
    letters = sorted(await fleet.letters(), key=_sequence)
    assert [_sequence(letter) for letter in letters] == sequences
    for letter, payload in zip(letters, MALFORMED.values(), strict=True):
        assert letter["reason"]
        kept = (
            str(letter["payload"]).encode()
            if "payload" in letter
            else b64decode(str(letter["payload_base64"]))
        )
        assert payload.startswith(kept)
        assert letter["truncated"] is (len(kept) < len(payload))


def _sequence(letter: dict[str, object]) -> int:
    return cast("dict[str, int]", letter["origin"])["sequence"]


async def test_subjects_of_no_sender_and_contents_of_no_kind_are_set_aside(fleet: Running) -> None:
    body = msgspec.json.encode(supervisor_beat("t1"))
    await fleet.publish("makima.heartbeats.supervisor.d1", body)
    await fleet.publish("makima.heartbeats.toaster.d1.t1", body)
    await fleet.publish("makima.heartbeats.supervisor.d1.t1.more", body)
    await fleet.publish("makima.heartbeats.daemon.é", body)
    await fleet.publish(subjects.supervisor_heartbeat("d1", "t1"), body, {"Content-Type": "text/yaml"})
    await fleet.recorded()
    assert await fleet.rows() == []

    async def all_five() -> bool:
        return len(await fleet.letters()) == 5

    await eventually(all_five)


async def test_a_thousand_broken_ones_between_good_ones_cost_none_of_those(fleet: Running) -> None:
    chance = random.Random(20260131)
    good = 0
    for number in range(1000):
        beat = supervisor_beat(f"t{number}") if number % 2 else daemon_beat(f"d{number}")
        intact = number % 10 == 0
        body = bytearray(msgspec.json.encode(beat))
        if not intact:
            del body[chance.randrange(1, len(body)) :]  # cut off anywhere: never a whole object
        subject = (
            subjects.supervisor_heartbeat("d1", f"t{number}")
            if number % 2
            else subjects.daemon_heartbeat(f"d{number}")
        )
        await fleet.nats.publish(subject, bytes(body))
        good += intact
    await fleet.beat(supervisor_beat("last", timestamp=datetime.now(UTC)))
    await fleet.recorded()
    assert len(await fleet.rows()) == good + 1

    async def all_bad_ones() -> bool:
        return (
            await fleet.nats.jetstream().stream_info(subjects.DEAD_LETTERS_STREAM)
        ).state.messages == 1000 - good

    await eventually(all_bad_ones)

    async def is_ready() -> bool:
        return (await fleet.service.health.condition())[0] == 200

    await eventually(is_ready)  # nothing of it lasts: a busy machine may be late for a moment


@hypothesis.settings(max_examples=300, suppress_health_check=[hypothesis.HealthCheck.too_slow])
@hypothesis.given(st.lists(bodies(), max_size=8))
def test_whatever_it_is_its_neighbours_are_read(payloads: list[bytes]) -> None:
    address = decode_subject(SUBJECT)
    assert address is not None
    good = message(supervisor_beat("t1"), len(payloads) + 1)
    [slice_] = BatchBuilder(SenderCache(), [range(8)]).read(
        [*(message(each, number) for number, each in enumerate(payloads, 1)), good], "e1"
    )
    bad = 0
    for payload in payloads:
        try:
            read(address, message(payload))
        except MalformedHeartbeatError:
            bad += 1
    assert len(slice_.aside) >= bad
    assert len(slice_.aside) + len(slice_.rows) == len(payloads) + 1
    assert all(reason for _, reason in slice_.aside)
