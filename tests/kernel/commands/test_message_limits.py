"""What is too large is refused with the limit, in both directions, and the connection stands."""

from uuid import uuid4

import orjson
from makima_kernel.commands.client import Bus
from makima_kernel.commands.decoding import MAX_COMMAND_BYTES, MAX_ERRORS, MAX_QUOTED_CHARACTERS
from makima_kernel.commands.router import MAX_REPLY_BYTES
from makima_schemas.commands import Accepted, Problem, Request
from makima_schemas.errors import ErrorCode
from nats.aio.client import Client

from tests.kernel.commands.served_toggle import refusal, request
from tests.kernel.commands.toggle_aggregate import SwitchOn


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
