"""Every command: JSON on stdout where it succeeds and on stderr where it fails, help with examples, short ids."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Final, cast

import click
import pytest
from click.testing import CliRunner
from makima_cli import session
from makima_cli.main import LazyGroup, main
from makima_cli.short_ids import is_short, whole

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.services.gateway.api.agent_events import join
from tests.services.gateway.harness import ADMIN, Gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima understands")]

# What to call each command with, and the exit code that it has then. `ID` is a contract.
CALLS: Final[dict[str, tuple[str, int]]] = {
    "contracts list": ("", 0),
    "contracts show": ("ID --verbose", 0),
    "contracts create": ("one", 0),
    "contracts start": ("ID", 0),
    "contracts pause": ("ID", 0),
    "contracts resume": ("ID", 0),
    "contracts block": ("ID", 0),
    "contracts unblock": ("ID", 0),
    "contracts health": ("ID", 0),
    "contracts explain": ("ID", 0),
    "contracts export": ("ID", 0),
    "contracts events": ("ID", 0),
    "contracts wait": ("ID --for active", 0),
    "contracts advance": ("ID --phase execute --force", 0),
    "contracts confirm": ("ID", 5),
    "contracts answer": ("ID nothing yes", 3),
    "contracts restart-supervisor": ("ID", 3),
    "agents list": ("--status ready", 0),
    "why": ("ID/builder", 0),
    "needs-you": ("", 0),
    "open": ("", 0),
    "contracts fail": ("ID", 0),
    "contracts reopen": ("ID", 0),
    "contracts complete": ("ID", 0),
    "contracts archive": ("ID", 0),
    "contracts delete": ("ID", 0),
    "contracts cleanup": ("--all", 0),
    "dead-letters list": ("", 0),
    "dead-letters show": ("999999", 3),
    "dead-letters retry": ("999999", 3),
    "dead-letters delete": ("999999", 3),
    "maintenance list": ("", 0),
    "maintenance start": ("all --for 1h --reason move", 8),
    "maintenance end": ("all", 8),
    "token create": ("--role viewer --owner alice", 0),
    "token list": ("", 0),
    "token revoke": ("nobody", 3),
}
# Those of which the help has examples.
NEW: Final = (
    "agents list",
    "contracts health",
    "contracts explain",
    "contracts export",
    "contracts confirm",
    "contracts restart-supervisor",
    "contracts cleanup",
    "why",
    "needs-you",
    "open",
    "dead-letters list",
    "dead-letters show",
    "dead-letters retry",
    "dead-letters delete",
    "maintenance list",
    "maintenance start",
    "maintenance end",
)
LINES: Final = {"contracts events"}  # one JSON value a line
# They go on until they are ended, need a process, a file or a server of their own, and have tests of their own.
ELSEWHERE: Final = {
    "contracts monitor",
    "daemon",
    "backup",
    "restore",
    "agent",
    "hook",
    "ledger",
    "up",
    "run",
    "mcp",
    "context",
    "doctor",
    "completion",
}


def commands(group: LazyGroup, before: str = "") -> Iterator[tuple[str, click.Command]]:
    """Each command that is no group, with its words."""
    for name in group.list_commands(click.Context(group)):
        found = cast("click.Command", group.get_command(click.Context(group), name))
        words = f"{before} {name}".strip()
        if isinstance(found, LazyGroup):
            yield from commands(found, words)
        else:
            yield words, found


OURS: Final = {
    words: command
    for words, command in commands(cast("LazyGroup", main))
    if words.split()[0] not in ELSEWHERE and words not in ELSEWHERE
}
# Those with a server of their own, or none: each with `--format json`, and the exit code.
APART: Final[dict[str, tuple[str, int]]] = {
    "context ls": ("", 0),
    "context use": ("nobodys", 3),
    "completion": ("bash", 0),
    "hook": ("", 0),
    "hook install": ("--file FOLDER/settings.json --yes", 0),
    "doctor": ("--url http://127.0.0.1:9", 6),
    "daemon start": ("--config FOLDER/none.toml", 2),
    "daemon logs": ("--config FOLDER/none.toml", 2),
    "agent task-started": ("nothing", 3),
    "agent task-complete": ("nothing", 3),
    "agent handoff": ("nothing --to tester", 3),
    "agent leave": ("", 8),
    "agent restart": ("", 8),
    "up": ("--ephemeral --data-dir FOLDER", 2),
    "backup": ("FOLDER/a.dump --data-dir FOLDER/none", 3),
    "restore": ("FOLDER/a.dump --data-dir FOLDER/none", 3),
    "ledger verify": ("--context nobody", 2),
    "ledger rebuild": ("gateway --context nobody", 2),
    "ledger new-epoch": ("--context nobody", 2),
}
# They go on until they are ended, and have tests of their own.
GO_ON: Final = frozenset({"contracts monitor", "context add", "run", "agent wait-for-task", "mcp"})
# Those that have nothing to do with a server of makima are not asked for JSON here.
WITH_JSON: Final = {
    words for words, command in OURS.items() if any(each.name == "format" for each in command.params)
}


async def test_every_command_prints_json_on_stdout_or_a_problem_on_stderr(
    makima: Makima, gateways: Gateways, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert set(CALLS) >= WITH_JSON & set(OURS), "a new command needs a row"
    contract = str((await create(makima, "one"))["id"])
    position = await join(gateways, contract, "builder")
    await gateways.clients[0].get("/contracts", headers={"Makima-Min-Position": str(position)})
    for words, (arguments, code) in CALLS.items():
        given = [
            each.replace("ID", contract) if each.startswith("ID") else each for each in arguments.split()
        ]
        ran = await makima(*words.split(), *given, "--format", "json", MAKIMA_TOKEN=ADMIN)
        assert ran.exit == code, f"{words}: {ran.err}"
        if code:
            assert {"code", "detail"} <= cast("dict[str, object]", ran.problem).keys(), words
        else:
            values = [json.loads(line) for line in ran.out.splitlines()]
            assert words in LINES or len(values) == 1, words
        monkeypatch.setattr(session, "GATEWAY_RETRY_SECONDS", 0.0)
        away = await makima(*words.split(), *given, "--format", "json", "--url", "http://127.0.0.1:9")
        assert (away.exit, cast("dict[str, object]", away.problem)["code"]) == (8, "UNAVAILABLE"), words
        monkeypatch.undo()


async def test_commands_with_no_gateway_to_ask_print_json_too(makima: Makima, tmp_path: Path) -> None:
    everything = {words for words, _ in commands(cast("LazyGroup", main))} | {"hook"}
    assert everything == CALLS.keys() | APART.keys() | GO_ON
    contract = str((await create(makima, "one", "--start"))["id"])
    as_agent = {"MAKIMA_CONTRACT": contract, "MAKIMA_ROLE": "builder"}
    for words, (arguments, code) in APART.items():
        given = arguments.replace("FOLDER", str(tmp_path)).split()
        ran = await makima(*words.split(), *given, "--format", "json", **as_agent)
        assert ran.exit == code, f"{words}: {ran.err}"
        if code in {0, 6}:
            json.loads(ran.out)
        else:
            assert {"code", "detail"} <= cast("dict[str, object]", ran.problem).keys(), words


async def test_a_command_that_prints_text_takes_the_other_formats_for_people(makima: Makima) -> None:
    contract = str((await create(makima, "one"))["id"])
    for words in (("contracts", "events", contract), ("completion", "bash"), ("open", "--no-browser")):
        plain = await makima(*words)
        for name in ("compact", "table"):
            ran = await makima(*words, "--format", name)
            assert (ran.exit, len(ran.out.splitlines())) == (0, len(plain.out.splitlines())), words
    assert (await makima("contracts", "events", contract, "--format", "tui")).exit == 2


async def test_whatever_has_a_table_has_lines_too(makima: Makima) -> None:
    """One for each thing, with its id, for `cut`, `awk` and a person in a hurry."""
    formats = {
        words: set(cast("click.Choice[str]", each.type).choices)
        for words, command in OURS.items()
        for each in command.params
        if each.name == "format"
    }
    assert [words for words, known in formats.items() if "table" in known and "compact" not in known] == []

    async def lines(*words: str) -> list[str]:
        ran = await makima("contracts", *words, "--format", "compact", MAKIMA_TOKEN=ADMIN)
        assert (ran.exit, ran.err) == (0, ""), words
        return ran.out.splitlines()

    (made,) = await lines("create", "in lines")
    contract = made.split()[0]
    assert made == f"{contract} created plan in lines"
    assert await lines("show", contract) == [made]
    assert await lines("start", contract) == [f"{contract} active plan in lines"]
    assert await lines("advance", contract, "--phase", "execute", "--force") == [
        f"{contract} active execute in lines"
    ]
    assert await lines("fail", contract) == [f"{contract} failed execute in lines"]
    assert f"would be archived {contract}" in await lines("cleanup", "--archive", "--older-than", "0s")
    assert await lines("archive", contract) == [f"{contract} archived execute in lines"]
    assert await lines("delete", contract) == [f"{contract} deleted"]


@pytest.mark.parametrize("words", NEW)
async def test_the_help_of_a_command_has_two_examples_of_itself(words: str) -> None:
    told = CliRunner().invoke(main, [*words.split(), "--help"]).output
    assert told.count(f"  makima {words}") >= 2, told


async def test_a_short_id_means_the_contract_whose_id_alone_begins_with_it(makima: Makima) -> None:
    contract = str((await create(makima, "one", "--start"))["id"])
    assert is_short(contract[:8])
    for arguments in (("contracts", "show"), ("contracts", "explain"), ("contracts", "pause")):
        ran = await makima(*arguments, contract[:8], "--format", "json")
        assert cast("dict[str, object]", ran.json)["id"] == contract
    assert (await makima("contracts", "show", "0000abcd")).exit == 3
    assert (await makima("why", f"{contract[:8]}/nobody")).exit == 3
    restart = ("agent", "restart", "--role", "builder", "--format", "json", "--contract")
    whole_one, short_one = [await makima(*restart, each) for each in (contract, contract[:8])]
    assert whole_one.exit == short_one.exit == 8, (
        "no service here restarts agents; another contract is exit 3"
    )
    assert (await makima(*restart, "0000abcd")).exit != 8


async def test_a_short_id_that_two_contracts_share_is_refused_with_both() -> None:

    with pytest.raises(
        click.UsageError, match="2 contracts begin with abcd: abcd1, abcd2; give more characters"
    ):
        whole("abcd", ["abcd1", "abcd2", "b"])
