"""Trees of reasons on a terminal: each line but a command fits it, no id is cut, and nothing is left out of what a pipe gets."""

import asyncio
import re
from typing import cast

import pytest
from makima_schemas.daemon import DaemonConnected
from makima_schemas.supervisor import SupervisorRegistered, SupervisorStateChanged
from rich.cells import cell_len

from tests.cli.conftest import Makima
from tests.cli.contracts import create
from tests.cli.on_a_terminal import on_a_terminal
from tests.cli.served import environ, gateways
from tests.services.gateway.api.agent_events import join, silent
from tests.services.gateway.harness import Gateways
from tests.services.gateway.sender_samples import EVIDENCE, INTERRUPTED, WORKING

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima understands")]

COLUMNS = (60, 80, 200)
REASON = "the staging environment is in use by another team, which has it until the end of the week, 完了までお待ちください, and perhaps longer"


@pytest.mark.parametrize("columns", COLUMNS)
async def test_explain_health_and_why_fit_the_terminal_and_say_what_a_pipe_gets(
    makima: Makima, gateways: Gateways, environ: dict[str, str], columns: int
) -> None:
    contract = str((await create(makima, REASON, "--start"))["id"])
    await join(gateways, contract, "builder")
    await silent(gateways, contract, "builder")
    daemon = "a-daemon-with-the-longest-name-that-a-daemon-can-have-in-makima1"[:48]
    await gateways.append(f"daemon-{daemon}", DaemonConnected("a.host"))
    await gateways.append(
        f"supervisor-s{contract}", SupervisorRegistered(contract, daemon, "k", WORKING, "plan")
    )
    silence = SupervisorStateChanged(
        contract, daemon, "k", WORKING, INTERRUPTED, "plan", "heartbeat_expired", EVIDENCE
    )
    position = await gateways.append(f"supervisor-s{contract}", silence)
    await gateways.clients[0].get("/contracts", headers={"Makima-Min-Position": str(position)})
    await makima("contracts", "block", contract, "--reason", REASON)
    for words in (
        ("contracts", "explain", contract),
        ("contracts", "health", contract),
        ("why", f"{contract}/builder"),
    ):
        piped = (await makima(*words)).out
        shown = await asyncio.to_thread(on_a_terminal, b"", environ, *words, columns=columns)
        lines = shown.replace("\r\n", "\n").splitlines()
        long = [line for line in lines if cell_len(line) > columns and " do: " not in line]
        assert long == [], f"{words}: only what is to be copied is in one piece"
        assert contract in shown
        assert max(map(cell_len, piped.splitlines())) > columns or columns == COLUMNS[-1], (
            "a pipe gets whole lines"
        )
        assert _words(piped) <= _words(shown), words
    explained = cast(
        "dict[str, object]", (await makima("contracts", "explain", contract, "--format", "json")).json
    )
    assert REASON in str(explained["reasons"])


def _words(text: str) -> set[str]:
    """But for ages, which go on between two commands."""
    return {word for word in text.replace("│", " ").split() if not re.fullmatch(r"\(?\d+s\)?", word)}
