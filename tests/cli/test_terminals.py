"""Commands behave wherever their output goes: a pipe that closes, no terminal, a dumb one, a narrow one."""

import asyncio
import fcntl
import os
import pty
import signal
import struct
import sys
import termios
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping
from contextlib import suppress

import pytest
from makima_kernel.testing import PATIENCE

from tests.cli.conftest import Makima, hear_ctrl_c
from tests.cli.contracts import create
from tests.cli.served import environ, gateways
from tests.generated.commands import commands
from tests.services.gateway.harness import ADMIN

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("terminals")]

NAME = "a name that is much longer than the narrow terminal has room for beside the other columns of it"
# Lists that need more than a connection: their own tests pipe them.
ELSEWHERE = {"daemon logs"}


def lists() -> list[str]:
    """Every command that prints a list: it has no argument, and it is called so or can be watched."""
    names = {
        " ".join(words)
        for words, command in commands()
        if (words[-1] in {"list", "ls"} or any(each.name == "watch" for each in command.params))
        and not any(each.required for each in command.params)
    }
    return sorted(names - ELSEWHERE)


async def _shell(command: str, environ: Mapping[str, str]) -> tuple[int | None, bytes, bytes]:
    made = await asyncio.create_subprocess_shell(
        command.replace("makima", f"{sys.executable} -m makima_cli.main"),
        env=dict(environ),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
    )
    out, err = await made.communicate()
    return made.returncode, out, err


async def _on_a_terminal(command: str, environ: Mapping[str, str], columns: int) -> str:
    made, ours = await _started(command, environ, columns)
    shown = await asyncio.to_thread(_read_all, ours)
    assert await made.wait() == 0, shown
    return shown.decode().replace("\r\n", "\n")


async def _started(command: str, environ: Mapping[str, str], columns: int) -> tuple[Process, int]:
    """The process, and what reads its terminal."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    asked = {name: value for name, value in environ.items() if name not in {"COLUMNS", "LINES"}}
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "makima_cli.main", *command.split(), env=asked, stdin=theirs, stdout=theirs, stderr=theirs, preexec_fn=hear_ctrl_c
    )  # fmt: skip
    os.close(theirs)
    return made, ours


def _read_all(terminal: int) -> bytes:
    shown = b""
    with suppress(OSError):  # EIO: the last process with this terminal has ended
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)
    return shown


@pytest.mark.parametrize("name", lists())
@pytest.mark.parametrize("format_", ["json", "table"])
async def test_a_list_whose_reader_has_gone_ends_without_a_word(
    makima: Makima, environ: dict[str, str], name: str, format_: str
) -> None:
    """As with `head -1` on a long list; gone from the beginning, so that no list is too short to notice."""
    await create(makima, "a contract")
    environ["MAKIMA_TOKEN"] = ADMIN
    reader, stdout = os.pipe()
    os.close(reader)
    made = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "makima_cli.main", *name.split(), "--format", format_, env=environ, stdin=DEVNULL, stdout=stdout, stderr=PIPE
    )  # fmt: skip
    os.close(stdout)
    _, err = await made.communicate()
    assert (made.returncode, err) == (1, b"")


async def test_every_event_piped_into_head_ends_without_a_word(
    makima: Makima, environ: dict[str, str]
) -> None:
    contract_id = (await create(makima, "a contract"))["id"]
    _, out, err = await _shell(f"makima contracts events {contract_id} --follow | head -1", environ)
    assert (b"ContractCreated" in out, err) == (True, b"")


@pytest.mark.parametrize("term", ["dumb", "", "xterm-256color"])
async def test_a_narrow_terminal_breaks_no_line_and_a_dumb_one_gets_no_colours(
    makima: Makima, environ: dict[str, str], term: str
) -> None:
    await create(makima, NAME)
    shown = await _on_a_terminal("contracts list", {**environ, "TERM": term}, 60)
    plain = "\x1b" not in shown
    assert plain == (term != "xterm-256color")
    if plain:
        assert [line for line in shown.splitlines() if len(line) > 60] == []
        assert len(shown.splitlines()) == 2


async def test_no_colour_means_none(makima: Makima, environ: dict[str, str]) -> None:
    contract_id = (await create(makima, NAME))["id"]
    assert (await makima("contracts", "archive", str(contract_id))).exit == 0
    shown = await _on_a_terminal(
        "contracts list", {**environ, "TERM": "xterm-256color", "NO_COLOR": "1"}, 200
    )
    assert "\x1b" not in shown
    assert NAME in shown
    deleted = f"contracts delete {contract_id} --force"
    shown = await _on_a_terminal(deleted, {**environ, "TERM": "xterm-256color", "NO_COLOR": "1"}, 200)
    assert shown == f"{contract_id} deleted\n"


@pytest.mark.parametrize(("term", "clears"), [("xterm-256color", True), ("dumb", False)])
async def test_a_watched_list_has_no_colour_either_and_clears_no_dumb_terminal(
    makima: Makima, environ: dict[str, str], term: str, *, clears: bool
) -> None:
    await create(makima, NAME)
    made, ours = await _started("contracts list --watch", {**environ, "TERM": term, "NO_COLOR": "1"}, 200)
    shown = b""
    try:
        async with asyncio.timeout(PATIENCE):
            while shown.count(NAME.encode()) < 2:
                shown += await asyncio.to_thread(os.read, ours, 65536)
    finally:
        made.send_signal(signal.SIGINT)
    shown += await asyncio.to_thread(_read_all, ours)
    assert await made.wait() == 130
    clear = b"\x1b[2J\x1b[1;1H"
    assert (clear in shown) == clears
    assert b"\x1b" not in shown.replace(clear, b"")


async def test_an_empty_no_colour_is_none(makima: Makima, environ: dict[str, str]) -> None:
    contract_id = (await create(makima, NAME))["id"]
    shown = await _on_a_terminal("contracts list", {**environ, "TERM": "xterm-256color", "NO_COLOR": ""}, 200)
    assert str(contract_id)[:4] in shown
    assert "\x1b[" in shown


async def test_without_a_terminal_nothing_is_cut_coloured_or_asked(
    makima: Makima, environ: dict[str, str]
) -> None:
    await create(makima, NAME)
    code, out, err = await _shell("makima contracts list", {**environ, "COLUMNS": "60"})
    assert (code, NAME.encode() in out, b"\x1b" in out, err) == (0, True, False, b"")
