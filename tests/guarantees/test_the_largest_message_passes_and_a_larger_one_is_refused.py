"""Guarantee 6, at the limits: the largest event, command and message go all the way, a larger one is refused,
and nobody is cut off.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from uuid import uuid4

import asyncpg
import nats as nats_py
import orjson
import pytest
from makima_kernel.event_log.append import Append, Appended, Outcome, TooLarge, new_event
from makima_kernel.event_log.log import Log
from makima_kernel.nats.connection import confirm_subscriptions
from makima_kernel.nats.streams import provision
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_local.nats import MAX_PAYLOAD
from makima_schemas import subjects
from makima_schemas.contract.events import QuestionAsked
from makima_schemas.envelope import EventMeta
from makima_schemas.identity import DEFAULT_TENANT
from makima_stale_detector import app as detector
from makima_supervisor_heartbeat import app as recorder
from nats.aio.client import Client
from nats.errors import Error as NatsError

from tests.chaos import one_by_one
from tests.contracts_in_the_log import create_contracts
from tests.services.gateway.harness import Gateways, act, created, items, running
from tests.services.gateway.monitor.monitor_client import watching
from tests.services.stale_detector.harness import CONTRACTS, Fleet, LogReader, quick

LARGEST_EVENT = 256 * 1024
LARGEST_COMMAND = 512 * 1024
DEEP = b'{"task_id":"t9","x":' + b"[" * 1000 + b"]" * 1000 + b"}"
AROUND = [-1, 0, 1]


@pytest.fixture
async def gateways(settings: Settings, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Gateways]:
    async with running(settings, pool, nats) as made:
        yield made


def asked(size: int, number: int = 0) -> QuestionAsked:
    """An event of this many bytes."""
    question_id = f"q{number}"
    empty = len(new_event(QuestionAsked(question_id, "", "text")).data)
    return QuestionAsked(question_id, "x" * (size - empty), "text")


async def append(gateways: Gateways, contract: str, *events: QuestionAsked) -> Outcome:
    made = tuple(new_event(event) for event in events)
    service = gateways.replicas[0]
    return await service.appender.append(
        Append(DEFAULT_TENANT, f"contract-{contract}", uuid4(), b"", None, made, EventMeta())
    )


async def goes_all_the_way(
    gateways: Gateways, nats: Client, contract: str, outcome: Outcome, *events: QuestionAsked
) -> None:
    """To the log, the stream, the read model and the monitor."""
    assert isinstance(outcome, Appended)
    http = gateways.clients[0]
    async with watching(gateways, since=outcome.position - len(events)) as socket:
        told = await socket.until(outcome.position)
    assert [message["question"] for message in told] == [event.question for event in events]

    async def shown() -> bool:
        found = await items(http, f"/contracts/{contract}/questions")
        return {item["question"] for item in found} >= {event.question for event in events}

    await eventually(shown)

    async def published() -> bool:
        return (await nats.jetstream().stream_info(subjects.EVENTS_STREAM)).state.last_seq == outcome.position

    await eventually(published)


async def neighbours_go_on(gateways: Gateways) -> None:
    http = gateways.clients[0]
    neighbour = str((await created(http))["id"])
    assert (await act(http, neighbour, "start"))["status"] == "active"
    assert gateways.replicas[0].nats.stats["reconnects"] == 0
    await eventually(lambda: is_ready(gateways.replicas[0]))


@pytest.mark.parametrize("offs", one_by_one(AROUND))
async def test_an_event_around_its_limit(gateways: Gateways, nats: Client, offs: Sequence[int]) -> None:
    for off in offs:
        await around_the_limit(gateways, nats, off, TooLarge(LARGEST_EVENT), asked(LARGEST_EVENT + off))
        await neighbours_go_on(gateways)


@pytest.mark.parametrize("offs", one_by_one(AROUND))
async def test_a_command_around_its_limit(gateways: Gateways, nats: Client, offs: Sequence[int]) -> None:
    third = LARGEST_COMMAND // 3
    for off in offs:
        events = [
            asked(size, number)
            for number, size in enumerate((third, third, LARGEST_COMMAND - 2 * third + off))
        ]
        await around_the_limit(gateways, nats, off, TooLarge(LARGEST_COMMAND), *events)
        await neighbours_go_on(gateways)


async def around_the_limit(
    gateways: Gateways, nats: Client, off: int, refusal: TooLarge, *events: QuestionAsked
) -> None:
    http = gateways.clients[0]
    contract = str((await created(http))["id"])
    await act(http, contract, "start")
    before = await gateways.log.head()
    outcome = await append(gateways, contract, *events)
    if off > 0:
        assert outcome == refusal
        assert await gateways.log.head() == before
    else:
        await goes_all_the_way(gateways, nats, contract, outcome, *events)


ODD: dict[str, tuple[str, bytes, dict[str, str] | None]] = {
    "nested a thousand deep": (subjects.supervisor_heartbeat("d1", "t9"), DEEP, None),
    "a shard that is none, above": ("makima.shards.9.canary", b"", None),
    "a shard that is none, of two digits": ("makima.shards.12.canary", b"", None),
    "a shard that is none, no number": ("makima.shards.x.canary", b"", None),
    "a canary with a body": ("makima.shards.3.canary", b"{" * 1000, None),
    "another's body": (subjects.supervisor_heartbeat("d1", "t0"), orjson.dumps({"task_id": "t1"}), None),
    "a daemon's subject and a supervisor's body": (
        subjects.daemon_heartbeat("d1"),
        orjson.dumps({"task_id": "t1"}),
        None,
    ),
    "a content type that nobody reads": (
        subjects.supervisor_heartbeat("d1", "t0"),
        b"a: b",
        {"Content-Type": "text/yaml"},
    ),
    "protobuf that is none": (
        subjects.supervisor_heartbeat("d1", "t0"),
        b"\xff" * 99,
        {"Content-Type": "application/x-protobuf"},
    ),
    "JSON called protobuf": (
        subjects.daemon_heartbeat("d1"),
        b'{"daemon_id":"d1"}',
        {"Content-Type": "application/x-protobuf"},
    ),
}


class Watchers(LogReader):
    """A recorder and a detector."""

    services: tuple[Service, ...] = ()

    async def go_on(self, fleet: Fleet, dead: str) -> None:
        """They find who dies now, and nobody else; they are ready, and were never cut off."""
        fleet.dead.add(dead)
        await eventually(self.silent, 60)
        assert await self.silent() == [dead]
        for service in self.services:
            await eventually(lambda service=service: is_ready(service))
            assert service.nats.stats["reconnects"] == 0


async def is_ready(service: Service) -> bool:
    return (await service.health.condition())[0] == 200


@pytest.fixture
async def watchers(database: str, nats_url: str, pool: asyncpg.Pool, nats: Client) -> AsyncIterator[Watchers]:
    await provision(nats, Log(pool), budget=0.01)
    await create_contracts(pool, CONTRACTS)
    settings = quick(database, nats_url, timeout=5.0)  # the fleet beats in this very process
    async with AsyncExitStack() as stack:
        made = Watchers(Log(pool))
        apps = (recorder, detector)
        services = tuple(
            [await stack.enter_async_context(Service.running(app.NAME, settings, app.build)) for app in apps]
        )
        object.__setattr__(made, "services", services)
        yield made


async def registered(watchers: Watchers, fleet: Fleet) -> None:
    async def known() -> bool:
        return {each.entity_id for each in await watchers.all("SupervisorRegistered")} >= set(
            fleet.supervisors
        )

    await eventually(known)


@pytest.mark.parametrize("odd", one_by_one(list(ODD)))
async def test_both_readers_of_the_heartbeats_pass_over_what_is_odd(
    watchers: Watchers, nats: Client, odd: Sequence[str]
) -> None:
    async with Fleet(nats, ["t0", "t1"]).beating() as fleet:
        await registered(watchers, fleet)
        for subject, body, headers in (ODD[name] for name in odd):
            for _ in range(3):
                await nats.publish(subject, body, headers=headers)
        await watchers.go_on(fleet, "t1")


@pytest.mark.parametrize("offs", one_by_one(AROUND))
async def test_a_heartbeat_around_what_the_broker_takes(
    watchers: Watchers, nats: Client, nats_url: str, offs: Sequence[int]
) -> None:
    """Headers count, too. Who sends more is cut off; nobody else is."""
    async with Fleet(nats, ["t0", "t1"]).beating() as fleet:
        await registered(watchers, fleet)
        for off in offs:
            assert await taken(nats_url, MAX_PAYLOAD + off) == (off <= 0)
        await watchers.go_on(fleet, "t1")


async def taken(nats_url: str, size: int) -> bool:
    """Whether the broker takes a heartbeat of this size from a stranger."""
    stranger = await nats_py.connect(nats_url, allow_reconnect=False, error_cb=unheard)
    headers = {"Filling": "y" * 1000}
    filling = size - len("NATS/1.0\r\nFilling: \r\n\r\n") - 1000
    try:
        await stranger.publish(subjects.supervisor_heartbeat("d1", "t9"), b"x" * filling, headers=headers)
        await confirm_subscriptions(stranger)
    except (NatsError, OSError):
        return False
    finally:
        await stranger.close()
    return True


async def unheard(_error: Exception) -> None:
    """It is cut off, and knows why."""
