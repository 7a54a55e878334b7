"""A malformed heartbeat changes nothing, stops nobody, and can be found with its reason."""

import asyncio
from base64 import b64decode
from collections.abc import AsyncGenerator
from typing import cast

import asyncpg
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas import subjects
from makima_schemas.heartbeat_reading import UnreadableError, read_subject
from nats.aio.client import Client

from services.supervisor_heartbeat.domain.heartbeats import read
from services.supervisor_heartbeat.domain.senders import Senders
from services.supervisor_heartbeat.domain.slices import Reader
from tests.services.supervisor_heartbeat.messages import SUBJECT, bodies, message
from tests.services.supervisor_heartbeat.running import Running, running, supervisor_beat

SUBJECT_SENT = subjects.supervisor_heartbeat("d1", "t1")
MALFORMED: list[tuple[str, bytes]] = [
    (SUBJECT_SENT, b""),
    (SUBJECT_SENT, b"\x00\xff\xfe"),
    (SUBJECT_SENT, b"{}"),
    (SUBJECT_SENT, b"[" * 2000),
    (SUBJECT_SENT, b'"text"'),
    (SUBJECT_SENT, b" " * 65_537),
    (SUBJECT_SENT, b"x" * 1_000_000),
    (SUBJECT_SENT, msgspec.json.encode(supervisor_beat("somebody-else"))),
    (SUBJECT_SENT, msgspec.json.encode(supervisor_beat("t1")).replace(b'"progress":0', b'"progress":101')),
    (SUBJECT_SENT, msgspec.json.encode(supervisor_beat("t1", phase="nul")).replace(b'"nul"', b'"\\u0000"')),
    (SUBJECT_SENT, msgspec.json.encode(supervisor_beat("t1", phase="half")).replace(b'"half"', b'"\\ud800"')),
    ("makima.heartbeats.supervisor.d1", b"{}"),
    ("makima.heartbeats.robot.r1", b"{}"),
    ("makima.heartbeats.supervisor.d1.t1.more", msgspec.json.encode(supervisor_beat("t1"))),
    ("makima.heartbeats.daemon.é", b"{}"),
]


@pytest.fixture
async def fleet(database: str, nats_url: str, pool: asyncpg.Pool, nats: Client) -> AsyncGenerator[Running]:
    async with running(Settings(database_url=database, nats_url=nats_url, stream_budget=0.01), pool, nats) as made:
        yield made


async def test_it_is_set_aside_between_two_that_are_kept(fleet: Running) -> None:
    await fleet.beat(supervisor_beat("t1", current_activity="before"))
    await fleet.until("supervisor-t1", 1)
    await fleet.recorded()
    before = await fleet.latest("supervisor-t1")
    for subject, payload in MALFORMED:
        await fleet.publish(subject, payload)
    await fleet.recorded()
    assert await fleet.latest("supervisor-t1") == before
    assert len(await fleet.rows()) == 1
    await fleet.beat(supervisor_beat("t1", current_activity="after"))
    await fleet.recorded()
    assert [row["activity"] for row in await fleet.rows()] == ["before", "after"]
    assert len(await fleet.events("supervisor-t1")) == 1

    letters = await fleet.letters()
    assert len(letters) == len(MALFORMED)
    for letter, (_, payload) in zip(sorted(letters, key=_sequence), MALFORMED, strict=True):
        assert letter["reason"]
        kept = str(letter["payload"]).encode() if "payload" in letter else b64decode(str(letter["payload_base64"]))
        assert payload.startswith(kept)
        assert letter["truncated"] is (len(kept) < len(payload))


def _sequence(letter: dict[str, object]) -> int:
    return cast("dict[str, int]", letter["origin"])["sequence"]


async def test_a_thousand_of_them_hold_up_nobody(fleet: Running) -> None:
    await asyncio.gather(*(fleet.publish(SUBJECT_SENT, b"nonsense %d" % number) for number in range(1000)))
    await fleet.beat(supervisor_beat("t2"))
    await fleet.until("supervisor-t2", 1)
    await eventually(lambda: _letters(fleet, 1000), 30.0)
    assert (await fleet.service.health.readiness())[0] == 200


async def _letters(fleet: Running, count: int) -> bool:
    return (await fleet.nats.jetstream().stream_info(subjects.DEAD_LETTERS_STREAM)).state.messages == count


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(bodies(), max_size=8))
def test_whatever_it_is_its_neighbours_are_read(payloads: list[bytes]) -> None:
    address = read_subject(SUBJECT)
    assert address is not None
    good = message(supervisor_beat("t1"), len(payloads) + 1)
    [slice_] = Reader(Senders(), [range(8)]).read([*(message(each, number) for number, each in enumerate(payloads, 1)), good], "e1")
    bad = 0
    for payload in payloads:
        try:
            read(address, message(payload))
        except UnreadableError:
            bad += 1
    assert len(slice_.aside) >= bad
    assert len(slice_.aside) + len(slice_.rows) == len(payloads) + 1
    assert all(reason for _, reason in slice_.aside)
