"""What others wrote is shown, not obeyed; and a narrow terminal still shows what a contract is and how it is."""

import asyncio
import fcntl
import os
import struct
import sys
import termios

import pytest
from makima_cli.readable import readable

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.served import environ, gateways

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("what is typed")]

EVIL = "\x1b]0;owned\x07\x1b[2Jred\r\nfake line\u202egnp.exe"
SHOWN = r"\x1b]0;owned\x07\x1b[2Jred\r\nfake line\u202egnp.exe"


async def test_what_is_harmless_stays_as_it_is() -> None:
    text = "Zażółć 漢字 [bold] 👩‍👩‍👧 \\x1b C:\\new"
    assert readable(text) == text


async def test_no_name_reason_or_event_commands_the_terminal(makima: Makima) -> None:
    contract = await create(makima, EVIL, "--description", EVIL, "--start")
    assert contract["name"] == EVIL, "JSON as it is"
    contract_id = str(contract["id"])
    blocked = await makima("contracts", "block", contract_id, "--reason", EVIL)
    commands = (("list",), ("list", "--format", "compact"), ("show", contract_id), ("events", contract_id))
    texts = [blocked, *[await makima("contracts", *command) for command in commands]]
    for ran in texts:
        assert SHOWN in ran.out
        assert not set(ran.out) & {"\x1b", "\x07", "\r", "\u202e"}
    assert len(texts[1].out.splitlines()) == 2


async def test_no_refusal_commands_the_terminal(makima: Makima) -> None:
    contract_id = str((await create(makima, "one", "--start"))["id"])
    ran = await makima("contracts", "advance", contract_id, "--phase", EVIL)
    assert ran.exit != 0
    assert not set(ran.err) & {"\x1b", "\x07", "\r", "\u202e"}


@pytest.mark.parametrize("columns", [60, 80, 100])
async def test_id_and_status_are_whole_and_the_name_gives_way(
    makima: Makima, environ: dict[str, str], columns: int
) -> None:
    contract = await create(makima, "a very long name " * 11, "--start")
    await makima("contracts", "pause", str(contract["id"]))
    head, row = await asyncio.to_thread(_on_a_terminal, columns, environ)
    assert head.split()[:2] == ["ID", "NAME"]
    assert row.startswith(f"{contract['id']}  a very")
    assert {"paused", "…"} <= set(row.replace("…", " … ").split())
    assert max(len(head), len(row)) <= columns
    assert ("PHASE" in head) == (columns > 60)


def _on_a_terminal(columns: int, environ: dict[str, str]) -> list[str]:
    """What `makima contracts list` prints on a terminal of this width."""
    ours, its = os.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    inherited = {name: value for name, value in environ.items() if name != "COLUMNS"}  # it would win
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, "-m", "makima_cli.main", "contracts", "list"],
        {**inherited, "NO_COLOR": "1", "TERM": "xterm"},
        file_actions=[(os.POSIX_SPAWN_DUP2, its, 1), (os.POSIX_SPAWN_CLOSE, ours)],
    )
    os.close(its)
    said = b""
    try:
        while chunk := os.read(ours, 65_536):
            said += chunk
    except OSError:  # so Linux tells that the terminal's other side is closed
        pass
    os.close(ours)
    os.waitpid(child, 0)
    return said.decode().splitlines()
