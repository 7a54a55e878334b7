"""`makima contracts`: what is printed where, and how it ends."""

import asyncio
import signal
from typing import cast

import orjson
import pytest
from makima_kernel.testing.eventually import PATIENCE
from makima_local import ports
from makima_sdk.monitoring import monitor

from tests.cli.conftest import Makima, Start
from tests.cli.contracts import create
from tests.cli.served import environ, gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima contracts")]


async def test_json_is_one_value_on_stdout_and_filters_are_the_apis(makima: Makima) -> None:
    started = await create(makima, "one", "--start")
    await create(makima, "two", "--type", "execute")
    everything = await makima("contracts", "list", "--format", "json")
    assert [contract["name"] for contract in cast("list[dict[str, object]]", everything.json)] == [
        "two",
        "one",
    ]
    active = await makima("contracts", "list", "--status", "active", "--format", "json")
    assert [contract["id"] for contract in cast("list[dict[str, object]]", active.json)] == [started["id"]]
    assert everything.err == ""


async def test_words_order_and_the_opposite_of_a_flag_are_the_apis(makima: Makima) -> None:
    for name, more in (("fix the login", ()), ("add a test", ()), ("fix the build", ("--start",))):
        await create(makima, name, *more)

    async def names(*options: str) -> list[object]:
        ran = await makima("contracts", "list", *options, "--format", "json")
        return [each["name"] for each in cast("list[dict[str, object]]", ran.json)]

    assert await names("--search", "FIX the", "--sort", "name") == ["fix the build", "fix the login"]
    assert await names("--sort", "needs", "-n", "1") == ["fix the build"]
    assert await names("--waiting") == await names("--stale") == []
    assert len(await names("--not-waiting", "--not-stale")) == 3


async def test_a_limit_holds_over_pages(makima: Makima) -> None:
    for number in range(3):
        await create(makima, f"contract {number}")
    ran = await makima("contracts", "list", "-n", "2", "--format", "json")
    assert len(cast("list[object]", ran.json)) == 2
    assert ran.err == "2 of 3 are shown: --limit 3 shows all\n"
    assert (await makima("contracts", "list", "-n", "3")).err == ""


async def test_a_table_is_plain_where_no_terminal_is(makima: Makima) -> None:
    contract = await create(makima, "[bold]not markup[/]", "--start")
    table = await makima("contracts", "list")
    assert "\x1b[" not in table.out
    head, row = table.out.splitlines()
    assert head.split() == ["ID", "NAME", "TYPE", "STATUS", "PHASE", "DONE", "ACTIVE"]
    assert row.startswith(f"{contract['id']}  [bold]not markup[/]  simple  active  plan")
    compact = await makima("contracts", "list", "--format", "compact")
    assert compact.out == f"{contract['id']} active plan [bold]not markup[/]\n"


async def test_one_contract_is_shown_with_what_it_lacks(makima: Makima) -> None:
    contract = await create(makima, "one", "--guard", "--start")
    shown = await makima("contracts", "show", str(contract["id"]), "--verbose")
    assert "plan  (plan → execute)" in shown.out
    assert "· plan: Plan document" in shown.out
    assert "a person confirms" in shown.out


async def test_a_contract_is_moved_by_words(makima: Makima) -> None:
    contract_id = str((await create(makima, "one"))["id"])
    for action, status in (
        ("start", "active"),
        ("pause", "paused"),
        ("resume", "active"),
        ("block", "blocked"),
        ("unblock", "active"),
    ):
        ran = await makima("contracts", action, contract_id, "--format", "json")
        assert cast("dict[str, object]", ran.json)["status"] == status
    failed = await makima("contracts", "fail", contract_id, "--reason", "no use", "--format", "json")
    assert cast("dict[str, object]", failed.json)["failure_reason"] == "no use"
    for action in ("archive", "delete"):
        assert (await makima("contracts", action, contract_id)).exit == 0
    assert (await makima("contracts", "show", contract_id)).exit == 3


async def test_a_refusal_is_exit_5_with_the_problem_on_stderr(makima: Makima) -> None:
    contract_id = str((await create(makima, "one", "--start"))["id"])
    ran = await makima("contracts", "advance", contract_id, "--phase", "execute", "--format", "json")
    problem = cast("dict[str, object]", ran.problem)
    assert (ran.exit, problem["code"], problem["missing"]) == (
        5,
        "VALIDATION_FAILED",
        ["Deliverable: plan-document"],
    )
    told = await makima("contracts", "advance", contract_id, "--phase", "execute")
    assert (told.exit, told.out) == (5, "")
    assert "Deliverable: plan-document" in told.err
    stale = await makima("contracts", "pause", contract_id, "--expected-version", "1", "--format", "json")
    assert (stale.exit, cast("dict[str, object]", stale.problem)["code"]) == (5, "VERSION_CONFLICT")


async def test_a_dry_run_says_what_would_be_and_changes_nothing(makima: Makima) -> None:
    contract_id = str((await create(makima, "one", "--start"))["id"])
    ran = await makima(
        "contracts", "advance", contract_id, "--phase", "execute", "--dry-run", "--format", "json"
    )
    answer = cast("dict[str, object]", ran.json)
    assert (ran.exit, answer["would_succeed"], answer["missing"]) == (
        5,
        False,
        ["Deliverable: plan-document"],
    )
    forced = await makima("contracts", "advance", contract_id, "--phase", "execute", "--force", "--dry-run")
    assert (forced.exit, forced.out) == (0, "would succeed\n")


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (("contracts", "show", "nobody"), "CONTRACT_NOT_FOUND", 3),
        (("contracts", "list", "--status", "sleeping"), "INVALID_REQUEST", 2),
        (("contracts", "list", "--url", "http://127.0.0.1:9"), "UNAVAILABLE", 8),
    ],
)
async def test_every_failure_has_its_exit_code_and_its_problem(
    makima: Makima, arguments: tuple[str, ...], code: str, exit_code: int
) -> None:
    ran = await makima(*arguments, "--format", "json")
    assert (ran.exit, cast("dict[str, object]", ran.problem)["code"]) == (exit_code, code)


async def test_what_is_misspelt_is_exit_2_and_named(makima: Makima) -> None:
    ran = await makima("contracts", "create", "one", "--typ", "simple")
    assert (ran.exit, ran.out) == (2, "")
    assert "--typ" in ran.err
    as_json = await makima("contracts", "create", "one", "--typ", "simple", "--format", "json")
    assert (as_json.exit, cast("dict[str, object]", as_json.problem)["code"]) == (2, "USAGE")
    unknown = await makima("contracts", "list", "--context", "nowhere")
    assert (unknown.exit, "nowhere" in unknown.err) == (2, True)


async def test_waiting_ends_when_the_status_is_there(makima: Makima, process: Start) -> None:
    contract_id = str((await create(makima, "one"))["id"])
    waiting = await process("contracts", "wait", contract_id, "--for", "active,paused", "--format", "json")
    await makima("contracts", "start", contract_id)
    out, _ = await waiting.communicate()
    assert (waiting.returncode, orjson.loads(out)["status"]) == (0, "active")


async def test_waiting_ends_when_its_time_is_over(makima: Makima) -> None:
    contract_id = str((await create(makima, "one"))["id"])
    over = await makima(
        "contracts", "wait", contract_id, "--for", "active", "--timeout", "0.5", "--format", "json"
    )
    assert (over.exit, cast("dict[str, object]", over.problem)["code"]) == (7, "TIMED_OUT")


async def test_events_are_one_cloudevent_a_line(makima: Makima) -> None:
    contract_id = str((await create(makima, "one", "--start"))["id"])
    ran = await makima("contracts", "events", contract_id, "--format", "json")
    events = [orjson.loads(line) for line in ran.out.splitlines()]
    assert [event["type"] for event in events] == [
        "makima.contract.ContractCreated.v1",
        "makima.contract.ContractStarted.v1",
    ]
    told = await makima("contracts", "events", contract_id, "--after", "1")
    assert "ContractStarted" in told.out
    assert "ContractCreated" not in told.out


async def test_the_monitor_streams_one_json_a_line_until_ctrl_c(makima: Makima, process: Start) -> None:
    watching = await process("contracts", "monitor", "--format", "json")
    assert watching.stdout is not None
    assert orjson.loads(await watching.stdout.readline())["type"] == "hello"
    contract = await create(makima, "one")
    event = orjson.loads(await watching.stdout.readline())
    assert (event["type"], event["contract_id"], event["new_status"]) == (
        "StatusChanged",
        contract["id"],
        "created",
    )
    watching.send_signal(signal.SIGINT)
    out, err = await watching.communicate()
    assert (watching.returncode, out, err) == (130, b"", b"")


async def test_a_filter_that_is_refused_ends_the_monitor_with_the_problem(process: Start) -> None:
    watching = await process("contracts", "monitor", "--format", "json", "--status", "actve")
    async with asyncio.timeout(60):
        out, err = await watching.communicate()
    assert watching.returncode == 2
    assert [orjson.loads(line)["type"] for line in out.splitlines()] == ["hello"]
    problem = orjson.loads(err)
    assert problem["code"] == "INVALID_REQUEST"
    assert problem["errors"]


async def test_a_monitor_of_what_does_not_run_gives_up_as_soon_as_other_commands(
    makima: Makima, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And not after the patience with a stream that it had once: that is a day here."""
    patient = cast("dict[str, object]", monitor.__kwdefaults__)
    monkeypatch.setitem(patient, "patience", 86_400.0)
    async with asyncio.timeout(PATIENCE):
        ran = await makima(
            "contracts", "monitor", "--format", "json", MAKIMA_URL=f"http://127.0.0.1:{ports.free()}"
        )
    assert ran.exit == 8
    assert orjson.loads(ran.err)["code"] == "UNAVAILABLE"


async def test_watching_a_list_prints_it_again_and_again(process: Start) -> None:
    watching = await process("contracts", "list", "--watch", "--format", "json")
    assert watching.stdout is not None
    assert [orjson.loads(await watching.stdout.readline()) for _ in range(2)] == [[], []]
    watching.send_signal(signal.SIGINT)
    await watching.communicate()
    assert watching.returncode == 130
