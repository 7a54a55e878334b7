"""What each option of `makima contracts monitor` lets through, in the stream; and that others' texts are escaped."""

import asyncio
from asyncio.subprocess import Process
from collections.abc import AsyncIterator, Awaitable, Callable

import nats
import orjson
import pytest
import pytest_asyncio
from makima_cli.contracts.watch import matches
from makima_schemas import subjects
from makima_sdk import Contracts, Http
from nats.aio.client import Client

from tests.cli.conftest import Makima, Start
from tests.cli.served import environ, gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima monitors")]

EVIL = "\x1b]0;owned\x07\u202eevil\u061c"
SHOWN = r"\x1b]0;owned\x07\u202eevil\u061c"
Watch = Callable[..., Awaitable[Process]]


@pytest_asyncio.fixture(loop_scope="module")
async def contracts(environ: dict[str, str]) -> AsyncIterator[Contracts]:
    async with Http(environ["MAKIMA_URL"], environ["MAKIMA_TOKEN"]) as http:
        yield Contracts(http)


@pytest_asyncio.fixture(loop_scope="module")
async def watch(process: Start) -> AsyncIterator[Watch]:
    """A monitor that is there: it has said hello."""
    started: list[Process] = []

    async def start(*options: str, form: str = "json") -> Process:
        ran = await process("contracts", "monitor", "--format", form, *options)
        started.append(ran)
        hello = ran.stdout if form == "json" else ran.stderr
        assert hello is not None
        assert b"hello" in await asyncio.wait_for(hello.readline(), 30)
        return ran

    yield start
    for each in started:
        if each.returncode is None:
            each.kill()
        await each.wait()


@pytest_asyncio.fixture(loop_scope="module")
async def bus(environ: dict[str, str]) -> AsyncIterator[Client]:
    """What services publish with."""
    client = await nats.connect(environ["MAKIMA_NATS_URL"])
    yield client
    await client.close()


async def line(ran: Process) -> str:
    assert ran.stdout is not None
    return (await asyncio.wait_for(ran.stdout.readline(), 30)).decode()


async def told(ran: Process) -> tuple[object, object]:
    """Kind and contract of the next message."""
    message = orjson.loads(await line(ran))
    return message["type"], message["contract_id"]


async def test_ids_let_their_own_contracts_through_alone(watch: Watch, contracts: Contracts) -> None:
    wanted, other = await contracts.create("wanted"), await contracts.create("other")
    ran = await watch(wanted.id)
    await contracts.act(other.id, "start")
    await contracts.act(wanted.id, "start")
    assert await told(ran) == ("StatusChanged", wanted.id)


async def test_a_status_lets_contracts_in_it_through_alone(watch: Watch, contracts: Contracts) -> None:
    paused, other = await contracts.create("to be paused"), await contracts.create("other")
    ran = await watch("--status", "paused")
    for each in (other, paused):
        await contracts.act(each.id, "start")
    await contracts.act(paused.id, "pause")
    assert await told(ran) == ("StatusChanged", paused.id)


async def test_quiet_lets_through_what_may_need_a_person_alone(watch: Watch, contracts: Contracts) -> None:
    each = await contracts.create("asks")
    await contracts.act(each.id, "start")
    task = await contracts.create_task(each.id, "look around", role="builder")
    ran = await watch("--quiet", each.id)
    await contracts.complete_task(task)
    await contracts.act(each.id, "pause")
    assert await told(ran) == ("StatusChanged", each.id)


async def test_heartbeats_are_told_where_they_are_asked_for_alone(
    watch: Watch, contracts: Contracts, bus: Client
) -> None:
    each = await contracts.create("beats")
    with_beats, without = await watch(each.id, "--heartbeats"), await watch(each.id)
    state = {"contract_id": each.id, "state": "working", "last_heartbeat": "2026-01-31T10:30:00.000000Z"}
    await bus.publish(subjects.state("supervisor", "s1"), orjson.dumps(state))
    assert await told(with_beats) == ("Heartbeat", each.id)
    await contracts.act(each.id, "start")
    assert await told(without) == ("StatusChanged", each.id)


@pytest.mark.parametrize(
    ("stale", "quiet", "through"),
    [
        (False, False, "hello reset StatusChanged PhaseChanged StaleDetected StaleCleared QuestionAsked"),
        (True, False, "hello reset StaleDetected StaleCleared"),
        (False, True, "hello reset StatusChanged StaleDetected QuestionAsked"),
        (True, True, "hello reset StaleDetected"),
    ],
)
async def test_stale_and_quiet_let_through_what_they_say(*, stale: bool, quiet: bool, through: str) -> None:
    kinds = [
        "hello",
        "reset",
        "StatusChanged",
        "PhaseChanged",
        "StaleDetected",
        "StaleCleared",
        "QuestionAsked",
    ]
    assert [kind for kind in kinds if matches(kind, stale=stale, quiet=quiet)] == through.split()


async def test_the_stale_option_counts_in_the_stream(watch: Watch, contracts: Contracts, bus: Client) -> None:
    each = await contracts.create("stale soon")
    ran, whole = await watch(each.id, "--stale"), await watch(each.id)
    await contracts.act(each.id, "start")
    assert await told(whole) == ("StatusChanged", each.id)
    said = {"contract_id": each.id, "last_activity": "2026-01-31T10:30:00Z", "stale_duration": 1801.5}
    await bus.publish(subjects.MONITOR_STALE, orjson.dumps(said))
    assert await told(whole) == ("StaleDetected", each.id)
    assert await told(ran) == ("StaleDetected", each.id)


async def test_no_text_of_others_commands_the_terminal_of_the_stream(
    watch: Watch, contracts: Contracts
) -> None:
    each = await contracts.create("asks")
    await contracts.act(each.id, "start")
    ran = await watch(each.id, form="text")
    await contracts.ask(each.id, EVIL)
    text = await line(ran) + await line(ran)
    assert SHOWN in text
    assert not set(text) & {"\x1b", "\x07", "\u202e", "\u061c"}


@pytest.mark.parametrize("form", ["text", "json"])
async def test_a_contract_that_is_not_there_is_refused_at_once(makima: Makima, form: str) -> None:
    ran = await makima("contracts", "monitor", "zzzz", "--format", form)
    assert ran.exit == 3
    assert "zzzz" in ran.err
    assert ran.out == ""


async def test_a_deleted_contract_goes_to_deleted_in_the_stream(
    watch: Watch, contracts: Contracts, makima: Makima
) -> None:
    each = await contracts.create("to be deleted")
    for action in ("start", "fail", "archive"):
        await contracts.act(each.id, action)
    ran = await watch(each.id, form="text")
    assert (await makima("contracts", "delete", each.id)).exit == 0
    assert "archived → deleted" in await line(ran)
