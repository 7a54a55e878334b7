"""What people type, paste and set: no slip does something else than was meant, and each is told in one line."""

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import orjson
import pytest

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.services.gateway.harness import ADMIN

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("what is typed")]


async def test_no_id_deletes_what_it_does_not_name(makima: Makima) -> None:
    contract_id = str((await create(makima, "precious"))["id"])
    assert (await makima("contracts", "archive", contract_id)).exit == 0
    ran = await makima(
        "token", "revoke", f"../contracts/{contract_id}", "--format", "json", MAKIMA_TOKEN=ADMIN
    )
    assert (ran.exit, cast("Mapping[str, object]", ran.problem)["code"]) == (2, "USAGE")
    assert (await makima("contracts", "show", contract_id)).exit == 0


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "../tokens"),
        ("show", "c1/tasks"),
        ("start", "c1?x=1"),
        ("events", "."),
        ("wait", "c 1", "--for", "active"),
        ("advance", "c1#", "--phase", "plan"),
        ("answer", "c1", "../../x", "yes"),
        ("delete", ""),
    ],
)
async def test_what_is_no_id_is_exit_2_and_named(makima: Makima, arguments: tuple[str, ...]) -> None:
    ran = await makima("contracts", *arguments)
    assert (ran.exit, ran.out) == (2, "")
    assert "is no id" in ran.err


async def test_a_token_that_was_pasted_with_its_line_break_works_and_a_torn_one_is_not_shown(
    makima: Makima, environ: dict[str, str]
) -> None:
    token = environ["MAKIMA_TOKEN"]
    assert (await makima("contracts", "list", MAKIMA_TOKEN=f"{token}\n")).exit == 0
    torn = await makima("contracts", "list", "--format", "json", MAKIMA_TOKEN=f"{token[:9]}\n{token[9:]}")
    assert (torn.exit, cast("Mapping[str, object]", torn.problem)["code"]) == (2, "USAGE")
    assert token[:9] not in torn.err


async def _shell(command: str, environ: Mapping[str, str], **more: str) -> tuple[int | None, bytes, bytes]:
    made = await asyncio.create_subprocess_shell(
        command.replace("makima", f"{sys.executable} -m makima_cli.main"),
        env={**environ, **more},
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await made.communicate()
    return made.returncode, out, err


@pytest.mark.parametrize(
    ("command", "code", "told"),
    [
        ("makima contracts list >&-", 1, b"stdout is closed"),
        pytest.param(
            "makima contracts list --format json >/dev/full",
            1,
            b"No space left",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no /dev/full"),
        ),
        ("makima contracts create $(printf '\\377')", 2, b"argument 3 is not valid UTF-8"),
    ],
)
async def test_what_a_shell_does_to_a_command_is_one_line(
    environ: dict[str, str], command: str, code: int, told: bytes
) -> None:
    ended, out, err = await _shell(command, environ)
    assert (ended, out) == (code, b"")
    assert told in err.splitlines()[-1]
    assert b"Traceback" not in err
    assert b"Exception ignored" not in err


async def test_a_reader_that_has_enough_ends_the_command_without_a_word(environ: dict[str, str]) -> None:
    _, out, err = await _shell("makima contracts monitor --format json | head -1", environ)
    assert (orjson.loads(out)["type"], err) == ("hello", b"")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--for", "complated"), "'complated' is no status"),
        (("--for", ""), "'' is no status"),
        (("--for", "active", "--timeout", "-1"), "--timeout"),
    ],
)
async def test_a_wait_for_what_cannot_be_is_exit_2(
    makima: Makima, arguments: tuple[str, ...], told: str
) -> None:
    ran = await makima("contracts", "wait", "c1", *arguments)
    assert (ran.exit, ran.out) == (2, "")
    assert told in ran.err


async def test_a_wait_ends_with_exit_5_where_the_status_cannot_come_by_itself(makima: Makima) -> None:
    contract_id = str((await create(makima, "one", "--start"))["id"])
    assert (await makima("contracts", "wait", contract_id, "--for", "completed, active")).exit == 0
    await makima("contracts", "fail", contract_id)
    never = await makima("contracts", "wait", contract_id, "--for", "completed,paused", "--format", "json")
    assert (never.exit, cast("Mapping[str, object]", never.problem)["code"]) == (5, "UNREACHABLE_STATUS")
    later = await makima("contracts", "wait", contract_id, "--for", "archived", "--timeout", "0.1")
    assert later.exit == 7
