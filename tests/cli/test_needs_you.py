"""`makima needs-you`: all that waits for a person, oldest first, and answered by its number."""

import asyncio
from typing import cast

import pytest
from makima_completion_detector import app as completion_detector
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_kernel.testing import eventually
from makima_schemas.agent import AgentStatus

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.on_a_terminal import on_a_terminal
from tests.cli.served import environ, gateways
from tests.services.gateway.api.agent_events import become, join
from tests.services.gateway.harness import Gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima understands")]

EVIL = "\x1b[2Jwhich db?\r\nfake line\u202e\x9b2J"
SHOWN = r"\x1b[2Jwhich db?\r\nfake line\u202e\x9b2J"
Json = dict[str, object]


async def asked(gateways: Gateways, contract: str, question: str, **members: object) -> str:
    answer = await gateways.clients[0].post(
        f"/contracts/{contract}/questions", json={"question": question, "question_type": "text", **members}
    )
    return str(answer.raise_for_status().json()["id"])


async def listed(makima: Makima) -> list[Json]:
    return cast("list[Json]", (await makima("needs-you", "--format", "json")).json)


async def test_what_waits_is_listed_oldest_first_with_the_command_that_settles_it(
    makima: Makima, gateways: Gateways
) -> None:
    assert (await makima("needs-you")).out == "nothing waits for you\n"
    first = str((await create(makima, "first", "--start"))["id"])
    question = await asked(gateways, first, EVIL)
    second = str((await create(makima, "second", "--start"))["id"])
    await makima("contracts", "block", second, "--reason", "no licence")
    third = str((await create(makima, "third", "--start"))["id"])
    await join(gateways, third, "builder")
    position = await become(gateways, third, "builder", AgentStatus.DEAD_FAILED_REVIVE, "restart_failed")
    await gateways.clients[0].get("/contracts", headers={"Makima-Min-Position": str(position)})
    items = await listed(makima)
    assert [(item["number"], item["kind"], item["key"]) for item in items] == [
        (1, "question", f"{first}/{question}"),
        (2, "blocked", second),
        (3, "agent", f"{third}/builder"),
    ]
    assert items[0]["text"] == EVIL
    assert items[1]["do"] == f"makima contracts unblock {second}"
    assert items[2]["do"] == f"makima agent restart --contract {third} --role builder"
    await makima("contracts", "pause", third)
    (dead,) = [item for item in await listed(makima) if item["kind"] == "agent"]
    assert str(dead["text"]).endswith("; the contract is paused: resume it first")
    assert dead["do"] == f"makima contracts resume {third}"
    for form in ("table", "compact", "json"):
        ran = await makima("needs-you", "--format", form)
        assert not set(ran.out) & {"\x1b", "\r", "\u202e", "\x9b"}
        assert form == "json" or SHOWN in ran.out


async def test_a_question_is_answered_by_its_number_and_a_phase_confirmed(
    makima: Makima, gateways: Gateways
) -> None:
    first = str((await create(makima, "first", "--start"))["id"])
    await asked(gateways, first, "which database?")
    answered = await makima("needs-you", "--answer", "1", "staging", "--force", "--format", "json")
    assert (cast("Json", answered.json)["answer"], await listed(makima)) == ("staging", [])
    guarded = str((await create(makima, "guarded", "--guard", "--start"))["id"])
    await gateways.clients[0].post(f"/contracts/{guarded}/deliverables/plan-document/complete", json={})
    confirmed = await makima("contracts", "confirm", guarded, "--format", "json")
    assert cast("Json", confirmed.json)["phase"] == "execute"
    last = await makima("contracts", "confirm", guarded, "--format", "json")
    assert (last.exit, cast("Json", last.problem)["code"]) == (5, "NO_NEXT_PHASE")


async def test_a_phase_that_waits_for_a_person_is_confirmed_by_its_number(
    makima: Makima, gateways: Gateways
) -> None:
    there = gateways.replicas[0].settings
    settings = Settings(database_url=there.database_url, nats_url=there.nats_url, stream_budget=0.01)
    async with Service.running(completion_detector.NAME, settings, completion_detector.build):
        guarded = str((await create(makima, "guarded", "--guard", "--start"))["id"])
        await gateways.clients[0].post(f"/contracts/{guarded}/deliverables/plan-document/complete", json={})

        async def waits() -> bool:
            return len(await listed(makima)) == 1

        await eventually(waits)
    [item] = await listed(makima)
    assert (item["kind"], item["text"]) == (
        "confirmation",
        "guarded: phase plan is done; may it go on to execute?",
    )
    confirmed = await makima("needs-you", "--confirm", "1", "--force", "--format", "json")
    assert (cast("Json", confirmed.json)["phase"], await listed(makima)) == ("execute", [])


async def test_without_a_terminal_nothing_is_asked_and_the_flag_is_named(
    makima: Makima, gateways: Gateways
) -> None:
    contract = str((await create(makima, "first", "--start"))["id"])
    question = await asked(gateways, contract, "sure?")
    for flags in (("--answer", "1", "yes"), ("--confirm", "1")):
        ran = await makima("needs-you", *flags)
        assert (ran.exit, ran.out, "--force" in ran.err) == (2, "", True)
    another = await makima("needs-you", "--confirm", "1", "--force", "--format", "json")
    assert (another.exit, cast("Json", another.problem)["code"]) == (5, "ANOTHER_KIND")
    nobody = await makima("needs-you", "--answer", "7", "yes", "--force", "--format", "json")
    assert (nobody.exit, cast("Json", nobody.problem)["code"]) == (3, "NOT_FOUND")
    assert len(await listed(makima)) == 1
    by_key = await makima("needs-you", "--answer", f"{contract}/{question}", "yes", "--force")
    assert (by_key.exit, by_key.out) == (0, "answered: sure?\n")


async def test_on_a_terminal_it_shows_what_the_number_means_and_asks(
    makima: Makima, gateways: Gateways, environ: dict[str, str]
) -> None:
    contract = str((await create(makima, "first", "--start"))["id"])
    await asked(gateways, contract, "sure?")
    refused = await asyncio.to_thread(on_a_terminal, b"n\n", environ, "needs-you", "--answer", "1", "yes")
    assert f"{contract}: sure?" in refused
    assert "Answer it with 'yes'? [y/N]" in refused
    assert len(await listed(makima)) == 1
    taken = await asyncio.to_thread(on_a_terminal, b"y\n", environ, "needs-you", "--answer", "1", "yes")
    assert "answered: sure?" in taken
    assert await listed(makima) == []


async def test_a_key_may_be_short_as_long_as_one_thing_has_it(makima: Makima, gateways: Gateways) -> None:
    contract = str((await create(makima, "first", "--start"))["id"])
    first = await asked(gateways, contract, "one?")
    second = await asked(gateways, contract, "two?")
    nobody = await makima("needs-you", "--answer", f"{contract[:3]}/{first[:3]}", "yes", "--force")
    assert nobody.exit == 3
    short = await makima("needs-you", "--answer", f"{contract[:8]}/{second[:8]}", "yes", "--force")
    assert (short.exit, short.out) == (0, "answered: two?\n")


async def test_a_narrow_list_gives_its_room_to_the_text(makima: Makima, gateways: Gateways) -> None:
    contract = str((await create(makima, "first", "--start"))["id"])
    await asked(gateways, contract, "sure?", question_type="choice", options=["yes", "no"])
    row = (await makima("needs-you")).out.splitlines()[1]
    assert row.split()[3:9] == [contract[:8], "sure?", "[yes", "|", "no]", "makima"]
