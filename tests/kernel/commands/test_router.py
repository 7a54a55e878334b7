"""Every request on the bus gets an answer that says what is wrong with it, at once."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from uuid import uuid4

import orjson
import pytest
from makima_kernel.commands.client import Bus
from makima_kernel.commands.router import (
    MAX_COMMAND_BYTES,
    MAX_ERRORS,
    MAX_QUOTED_CHARACTERS,
    MAX_REPLY_BYTES,
    Authorize,
    CommandRouter,
)
from makima_kernel.nats.connection import broker, confirm_subscriptions
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Problem, Reply, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from nats.aio.client import Client

from tests.kernel.commands.toggle_aggregate import SwitchOn


@dataclass(frozen=True)
class Count:
    of: int


@dataclass(frozen=True)
class Echo:
    call: str


@asynccontextmanager
async def serving(
    nats_url: str, seen: list[tuple[Request[SwitchOn], SwitchOn]], reach: Authorize | None = None
) -> AsyncGenerator[None]:
    router = CommandRouter("toggle", authorize=reach)

    async def switch_on(request: Request[SwitchOn], command: SwitchOn) -> Reply:
        seen.append((request, command))
        if command.hostname == "bug":
            raise RuntimeError("a bug")
        if command.hostname.startswith("quoted"):
            return Problem(
                ErrorCode.INVALID_TRANSITION,
                8 * command.hostname,
                members={"allowed": 8 * [command.hostname]},
            )
        return Accepted(len(seen), len(seen))

    async def count(question: Count) -> dict[str, object]:
        return {"seen": len(seen), "of": question.of}

    async def echo(question: Echo) -> dict[str, object]:
        return {"echoes": 8 * [question.call]}

    router.command(SwitchOn, switch_on, daemons=True)
    router.query(Echo, echo)
    router.query(Count, count)

    async def closed() -> None: ...

    served = broker(nats_url, "toggle", on_closed=closed)
    served.include_router(router.nats)
    await served.start()
    await confirm_subscriptions(await served.connect())
    try:
        yield
    finally:
        await served.stop()


@pytest.fixture
async def seen(nats_url: str) -> AsyncIterator[list[tuple[Request[SwitchOn], SwitchOn]]]:
    heard: list[tuple[Request[SwitchOn], SwitchOn]] = []
    async with serving(nats_url, heard):
        yield heard


def request(**data: object) -> Request:
    return Request(uuid4(), "l1", dict(data))


async def refusal(nats: Client, body: bytes) -> dict[str, object]:
    message = await nats.request("makima.commands.toggle.switch_on", body, timeout=20)
    return orjson.loads(message.data)["error"]


async def test_a_command_arrives_as_it_was_sent(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    sent = Request(uuid4(), "l1", {"hostname": "h"}, actor="ada", expected_version=3, guard=("silence-o", 2))
    assert await Bus(nats).ask("toggle", "switch_on", sent) == Accepted(1, 1)
    assert seen == [(replace(sent, data=SwitchOn("h")), SwitchOn("h"))]


async def test_a_query_is_answered(nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]) -> None:
    assert await Bus(nats).query("toggle", "count", {"of": 7}) == {"seen": 0, "of": 7}


async def test_a_daemon_is_who_its_subject_says(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}, actor="root", tenant="another"))
    await nats.request(subjects.daemon_command("d7", "toggle", "switch_on"), body, timeout=20)
    assert (seen[0][0].actor, seen[0][0].tenant) == ("daemon:d7", "default")


async def test_what_is_not_for_daemons_they_are_told(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    answer = await nats.request(subjects.daemon_command("d7", "toggle", "count"), b'{"of": 7}', timeout=20)
    assert orjson.loads(answer.data)["error"]["code"] == "FORBIDDEN"


async def test_what_a_daemon_does_not_reach_it_cannot_command(nats_url: str, nats: Client) -> None:
    heard: list[tuple[Request[SwitchOn], SwitchOn]] = []

    async def reach(daemon_id: str, request: Request) -> None:
        if (daemon_id, request.target) != ("d7", "l1"):
            raise Refused(ErrorCode.NOT_FOUND, "there is no such toggle")

    async with serving(nats_url, heard, reach):
        for daemon_id, target in (("d7", "l2"), ("d8", "l1")):
            body = orjson.dumps(Request(uuid4(), target, {"hostname": "h"}))
            answer = await nats.request(
                subjects.daemon_command(daemon_id, "toggle", "switch_on"), body, timeout=20
            )
            assert orjson.loads(answer.data)["error"]["code"] == "NOT_FOUND"
        assert heard == []
        body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}))
        await nats.request(subjects.daemon_command("d7", "toggle", "switch_on"), body, timeout=20)
        assert isinstance(
            await Bus(nats).ask("toggle", "switch_on", Request(uuid4(), "l2", {"hostname": "h"})), Accepted
        )
        assert len(heard) == 2


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b"{}", b'{"command_id":"x","target":"l","data":{}}', b"\xff\xfe"]
)
async def test_a_body_that_is_no_request_is_refused_with_the_places(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], body: bytes
) -> None:
    problem = await refusal(nats, body)
    assert problem["code"] == "INVALID_REQUEST"
    assert seen == []


@pytest.mark.parametrize(
    ("data", "path"),
    [({}, "hostname"), ({"hostname": ["a"]}, "hostname"), ({"hostname": "a", "host": "b"}, "host")],
)
async def test_a_command_that_does_not_fit_its_schema_is_refused_with_the_places(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], data: dict[str, object], path: str
) -> None:
    reply = await Bus(nats).ask("toggle", "switch_on", request(**data))
    assert isinstance(reply, Problem)
    assert reply.code == ErrorCode.INVALID_REQUEST
    assert [error["path"] for error in reply.members["errors"]] == [path]  # pyright: ignore - JSON
    assert seen == []


@pytest.mark.parametrize(
    ("more", "path"),
    [
        ({"tenant": "t" * 65}, "tenant"),
        ({"tenant": "a b"}, "tenant"),
        ({"tenant": ""}, "tenant"),
        ({"actor": "a" * 256}, "actor"),
        ({"guard": ["s" * 256, 1]}, "guard.0"),
    ],
)
async def test_a_name_that_no_index_should_hold_is_refused(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], more: dict[str, object], path: str
) -> None:
    body = orjson.dumps({"command_id": str(uuid4()), "target": "l1", "data": {"hostname": "h"}, **more})
    problem = await refusal(nats, body)
    assert (problem["code"], [error["path"] for error in problem["errors"]]) == ("INVALID_REQUEST", [path])  # pyright: ignore - members are JSON
    assert seen == []


async def test_an_oversize_command_is_refused_on_both_sides(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    too_large = request(hostname="x" * MAX_COMMAND_BYTES)
    reply = await Bus(nats).ask("toggle", "switch_on", too_large)
    assert isinstance(reply, Problem)
    assert (reply.code, reply.members) == (ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_COMMAND_BYTES})
    assert (await refusal(nats, orjson.dumps(too_large)))["code"] == "PAYLOAD_TOO_LARGE"
    assert seen == []


async def test_more_mistakes_than_an_answer_may_hold_are_answered_with_the_first(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    body = orjson.dumps(request(**{f"{number:x}": 0 for number in range(45_000)}))
    assert len(body) <= MAX_COMMAND_BYTES
    problem = await refusal(nats, body)
    assert (problem["code"], len(problem["errors"])) == ("INVALID_REQUEST", MAX_ERRORS)  # pyright: ignore - members are JSON
    many = orjson.dumps(
        {"command_id": str(uuid4()), "target": "l1", "data": {"hostname": "h"}, "guard": [0] * 100_000}
    )
    assert (await refusal(nats, many))["code"] == "INVALID_REQUEST"
    long_name = await refusal(nats, orjson.dumps(request(**{"x" * 500_000: 0})))
    assert len(orjson.dumps(long_name)) < 4 * MAX_QUOTED_CHARACTERS


async def test_an_answer_that_no_message_can_carry_is_a_problem(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    bus = Bus(nats)
    answer = await bus.query("toggle", "echo", {"call": "x" * 500_000})
    assert isinstance(answer, Problem)
    assert (answer.code, answer.members) == (ErrorCode.PAYLOAD_TOO_LARGE, {"limit": MAX_REPLY_BYTES})
    reply = await bus.ask("toggle", "switch_on", request(hostname="quoted" + "x" * 500_000))
    assert isinstance(reply, Problem)
    assert (reply.code, reply.members) == (ErrorCode.INVALID_TRANSITION, {})
    question = await bus.query("toggle", "echo", {"call": "x" * MAX_COMMAND_BYTES})
    assert isinstance(question, Problem)
    assert question.code is ErrorCode.PAYLOAD_TOO_LARGE
    assert isinstance(await bus.ask("toggle", "switch_on", request(hostname="fine")), Accepted), (
        "the connection still stands"
    )


async def test_a_long_header_of_the_caller_does_not_lift_an_answer_above_the_limit(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    question = orjson.dumps({"call": "x" * (MAX_REPLY_BYTES // 8 - 100)})
    answer = await nats.request(
        "makima.commands.toggle.echo", question, timeout=5, headers={"correlation_id": "c" * 1_500_000}
    )
    assert orjson.loads(answer.data)["ok"] is True


async def test_a_bug_in_a_handler_is_answered_and_the_next_command_served(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    bus = Bus(nats)
    async with asyncio.timeout(20):
        reply = await bus.ask("toggle", "switch_on", request(hostname="bug"))
    assert isinstance(reply, Problem)
    assert reply.code is ErrorCode.UNAVAILABLE
    assert isinstance(await bus.ask("toggle", "switch_on", request(hostname="fine")), Accepted)


async def test_nobody_there_is_unavailable_at_once(nats: Client) -> None:
    reply = await Bus(nats).ask("nobody", "switch_on", request(hostname="h"))
    assert isinstance(reply, Problem)
    assert reply.code is ErrorCode.UNAVAILABLE
