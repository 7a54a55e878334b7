"""What a person meets who types: whole pictures of a contract, filters that hold together, questions and errors."""

import asyncio
from datetime import UTC, datetime
from typing import cast

import pytest
from makima_schemas.silence import StaleDetected

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.on_a_terminal import on_a_terminal
from tests.cli.served import environ, gateways
from tests.services.gateway.harness import Gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima contracts")]


async def test_what_belongs_to_a_contract_is_shown_whole(makima: Makima, gateways: Gateways) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    http, route = gateways.clients[0], f"/contracts/{contract}"
    await http.post(f"{route}/tasks", json={"name": "write it", "role": "builder"})
    bare = await makima("contracts", "show", contract, "--verbose")
    assert "\ntasks\n" in bare.out
    assert "questions" not in bare.out, "there are none"
    asked = {"question": "which?", "question_type": "choice", "options": ["red", "blue"]}
    question = (await http.post(f"{route}/questions", json=asked)).json()["id"]
    short = await makima("contracts", "answer", contract[:8], question[:8], "red", "--format", "json")
    assert cast("dict[str, object]", short.json)["id"] == question
    lines = (await makima("contracts", "show", contract[:8], "--verbose")).out.splitlines()
    assert lines[-6].split() == ["ID", "TASK", "ROLE", "STATUS", "RESULT"]
    assert lines[-5].split()[1:] == ["write", "it", "builder", "pending", "-"]
    assert lines[-2].split() == ["ID", "QUESTION", "OPTIONS", "STATUS", "ANSWER"]
    assert lines[-1].split()[1:] == ["which?", "red", "|", "blue", "answered", "red"]


async def test_filters_hold_together(makima: Makima) -> None:
    for name in ("one", "two", "three"):
        await create(makima, name, "--start")
    await create(makima, "not begun")
    listed = cast("list[dict[str, object]]", (await makima("contracts", "list", "--format", "json")).json)
    ids = {str(each["name"]): str(each["id"]) for each in listed}
    await makima("contracts", "advance", ids["two"], "--phase", "execute", "--force")
    await makima("contracts", "advance", ids["three"], "--phase", "execute", "--force")
    await makima("contracts", "block", ids["three"])

    async def names(*options: str) -> set[object]:
        ran = await makima("contracts", "list", *options, "--format", "json")
        return {each["name"] for each in cast("list[dict[str, object]]", ran.json)}

    assert await names("--phase", "execute") == {"two", "three"}
    assert await names("--phase", "execute", "--status", "active,created") == {"two"}
    assert await names("--threshold", "1d") == set()
    assert await names("--threshold", "0s", "--status", "active", "--phase", "execute") == {"two"}
    assert await names("--stale") == set(), "each after its own time"
    assert await names("--threshold", "0s") == await names("--threshold", "0s", "--stale") == {"one", "two"}


async def test_the_one_that_waits_and_the_one_that_is_stale_are_found_and_no_other(
    makima: Makima, gateways: Gateways
) -> None:
    ids = {
        name: str((await create(makima, name, "--start"))["id"]) for name in ("waits", "is stale", "goes on")
    }
    asked = await gateways.clients[0].post(
        f"/contracts/{ids['waits']}/questions", json={"question": "which?", "question_type": "text"}
    )
    assert asked.is_success, asked.text
    found = StaleDetected(ids["is stale"], datetime(2026, 1, 31, 10, 30, tzinfo=UTC), 1800.0, 1801.0)
    position = await gateways.append(f"silence-{ids['is stale']}", found)
    await gateways.clients[0].get("/contracts", headers={"Makima-Min-Position": str(position)})

    async def names(*options: str) -> set[object]:
        ran = await makima("contracts", "list", *options, "--format", "json")
        return {each["name"] for each in cast("list[dict[str, object]]", ran.json)}

    assert await names("--waiting") == {"waits"}
    assert await names("--stale") == {"is stale"}
    assert await names("--not-waiting") == {"is stale", "goes on"}
    assert await names("--not-stale") == {"waits", "goes on"}
    assert await names("--waiting", "--stale") == set()
    assert await names("--not-waiting", "--not-stale") == {"goes on"}


async def test_a_contract_is_deleted_on_a_terminal_after_a_question_only(
    makima: Makima, environ: dict[str, str]
) -> None:
    contract = str((await create(makima, "precious"))["id"])
    early = await makima("contracts", "delete", contract)
    assert (early.exit, f"hint: archive it first: `makima contracts archive {contract}`" in early.err) == (
        5,
        True,
    )
    await makima("contracts", "archive", contract)
    refused = await asyncio.to_thread(on_a_terminal, b"n\n", environ, "contracts", "delete", contract)
    assert f"{contract}: precious\r\nDelete it for good? [y/N]" in refused
    assert (await makima("contracts", "show", contract)).exit == 0
    await asyncio.to_thread(on_a_terminal, b"y\n", environ, "contracts", "delete", contract)
    assert (await makima("contracts", "show", contract)).exit == 3


async def test_too_few_characters_of_an_id_are_refused_as_such(makima: Makima) -> None:
    contract = str((await create(makima, "one"))["id"])
    short = await makima("contracts", "show", contract[:3], "--format", "json")
    assert (short.exit, cast("dict[str, object]", short.problem)["code"]) == (2, "USAGE")
    assert "give at least 4 characters" in short.err


async def test_an_error_is_said_once_in_words_of_the_command_line(makima: Makima) -> None:
    misspelt = await makima("contracts", "pauze", "x")
    assert misspelt.exit == 2
    assert misspelt.err.splitlines()[-1] == "error: No such command 'pauze'. Did you mean 'pause'?"
    wrong = await makima("contracts", "list", "--status", "sleeping")
    assert wrong.exit == 2
    assert not {"Value error", "{'", "['"} & {
        each for each in ("Value error", "{'", "['") if each in wrong.err
    }
    assert wrong.err.count("sleeping") == 1
    contract = str((await create(makima, "one"))["id"])
    refused = await makima("contracts", "resume", contract)
    assert "  allowed: " in refused.err
    assert "[" not in refused.err.partition("allowed: ")[2]
    unknown = await makima("--nothing")
    assert (unknown.exit, unknown.err.splitlines()[-1].startswith("error: No such option")) == (2, True)
