"""Every request on the bus gets an answer that says what is wrong with it, at once."""

import asyncio
from dataclasses import replace
from typing import Any
from uuid import uuid4

import anyio.to_thread
import orjson
import pytest
from makima_kernel.commands.client import Bus
from makima_kernel.nats.connection import confirm_subscriptions
from makima_schemas import subjects
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.errors import ErrorCode
from makima_schemas.refusal import Refused
from nats.aio.client import Client
from nats.aio.msg import Msg

from tests.daemon_requests import ask_as_daemon
from tests.kernel.commands.served_toggle import refusal, request, serving
from tests.kernel.commands.toggle_aggregate import SwitchOn


def error(answer: bytes) -> dict[str, Any]:
    return orjson.loads(answer)["error"]


async def test_a_command_arrives_as_it_was_sent(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    sent = Request(uuid4(), "l1", {"hostname": "h"}, actor="ada", expected_version=3, guard=("silence-o", 2))
    assert await Bus(nats).ask("toggle", "switch_on", sent) == Accepted(1, 1)
    assert seen == [(replace(sent, data=SwitchOn("h")), SwitchOn("h"))]


async def test_a_query_is_answered(nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]) -> None:
    assert await Bus(nats).query("toggle", "count", {"of": 7}) == {"seen": 0, "of": 7}


async def test_no_request_goes_through_a_worker_thread(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a busy service a thread costs several turns of the event loop, and there are 40 of them."""

    async def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a worker thread was asked for")

    monkeypatch.setattr(anyio.to_thread, "run_sync", refuse)
    assert isinstance(await Bus(nats).ask("toggle", "switch_on", request(hostname="h")), Accepted)
    assert await Bus(nats).query("toggle", "count", {"of": 7}) == {"seen": 1, "of": 7}
    by_daemon = orjson.dumps(request(hostname="h"))
    await ask_as_daemon(nats, "d7", "toggle", "switch_on", by_daemon)
    assert len(seen) == 2


async def test_a_daemon_is_who_its_subject_says(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}, actor="root", tenant="another"))
    await ask_as_daemon(nats, "d7", "toggle", "switch_on", body)
    assert (seen[0][0].actor, seen[0][0].tenant) == ("daemon:d7", "default")


async def test_a_daemons_command_id_is_its_own(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    sent = Request(uuid4(), "l1", {"hostname": "h"})
    body = orjson.dumps(sent)
    for daemon_id in ("d7", "d7", "d8"):
        await ask_as_daemon(nats, daemon_id, "toggle", "switch_on", body)
    await Bus(nats).ask("toggle", "switch_on", sent)
    first, repeated, others, services = [request.command_id for request, _ in seen]
    assert first == repeated, "a repeat is a repeat"
    assert len({first, others, services}) == 3
    assert services == sent.command_id


async def test_a_daemon_asks_for_no_guard(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}, guard=("contract-of-another", 1)))
    answer = await ask_as_daemon(nats, "d7", "toggle", "switch_on", body)
    problem = error(answer)
    assert problem["code"] == "INVALID_REQUEST"
    assert [each["path"] for each in problem["errors"]] == ["guard"]
    assert seen == []


async def test_what_is_not_for_daemons_they_are_told(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    answer = await ask_as_daemon(nats, "d7", "toggle", "count", b'{"of": 7}')
    assert error(answer)["code"] == "FORBIDDEN"


@pytest.mark.parametrize(
    "reply",
    [
        "makima.events.contract.x.Evil",
        "makima.dead.x.y",
        "_INBOX_d8.a.b",
        "_INBOX_d7",
        "_INBOX_d71.a",
        "_INBOX.a.b",
    ],
)
async def test_a_daemons_command_that_names_a_reply_outside_its_inbox_is_neither_handled_nor_answered(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], reply: str
) -> None:
    answers = await nats.subscribe(reply)
    body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}))
    await nats.publish(subjects.daemon_command("d7", "toggle", "switch_on"), body, reply=reply)
    await nats.publish(subjects.daemon_command("d7", "toggle", "count"), b'{"of": 7}', reply=reply)
    await ask_as_daemon(nats, "d7", "toggle", "switch_on", body)  # a handled one, after them
    assert len(seen) == 1
    assert answers.pending_msgs == 0


async def test_what_a_daemon_does_not_reach_it_cannot_command(nats_url: str, nats: Client) -> None:
    heard: list[tuple[Request[SwitchOn], SwitchOn]] = []

    async def reach(daemon_id: str, request: Request) -> None:
        if (daemon_id, request.target) != ("d7", "l1"):
            raise Refused(ErrorCode.NOT_FOUND, "there is no such toggle")

    async with serving(nats_url, heard, reach):
        for daemon_id, target in (("d7", "l2"), ("d8", "l1")):
            body = orjson.dumps(Request(uuid4(), target, {"hostname": "h"}))
            assert (
                error(await ask_as_daemon(nats, daemon_id, "toggle", "switch_on", body))["code"]
                == "NOT_FOUND"
            )
        assert heard == []
        body = orjson.dumps(Request(uuid4(), "l1", {"hostname": "h"}))
        await ask_as_daemon(nats, "d7", "toggle", "switch_on", body)
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


@pytest.mark.parametrize(
    ("unknown", "nearest"),
    [("expected_versoin", "expected_version"), ("gaurd", "guard"), ("tenants", "tenant")],
)
async def test_a_misspelt_member_of_a_request_is_refused_with_the_one_that_was_meant(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]], unknown: str, nearest: str
) -> None:
    """`expected_versoin` dropped the check of the version without notice."""
    body = orjson.dumps({"command_id": str(uuid4()), "target": "l1", "data": {"hostname": "h"}, unknown: 7})
    problem = await refusal(nats, body)
    said = f"is no member; did you mean {nearest}?"
    assert (problem["code"], problem["errors"]) == ("INVALID_REQUEST", [{"path": unknown, "message": said}])
    assert f"{unknown} {said}" in str(problem["detail"])
    assert seen == []


async def test_a_request_goes_without_the_members_that_say_nothing(
    nats: Client, seen: list[tuple[Request[SwitchOn], SwitchOn]]
) -> None:
    """So that a service of the version before, which does not know a new member, takes it where nobody uses it."""
    heard: asyncio.Queue[bytes] = asyncio.Queue()

    async def hear(message: Msg) -> None:
        await heard.put(message.data)

    await nats.subscribe("makima.commands.toggle.switch_on", cb=hear)
    await confirm_subscriptions(nats)
    sent = Request(uuid4(), "l1", {"hostname": "h"}, expected_version=0)
    assert isinstance(await Bus(nats).ask("toggle", "switch_on", sent), Accepted)
    assert orjson.loads(await heard.get()).keys() == {
        "command_id",
        "target",
        "data",
        "actor",
        "tenant",
        "expected_version",
    }


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
