"""The examples of docs/agents.md, run one after the other as a newcomer would, print what the page says."""

import os
import re
import sys
from pathlib import Path

import pytest
from makima_local import context
from makima_local.nats import Nats

from tests.cli.agents_served import gateways
from tests.page_examples import BLOCK, DOCS, needs_shell, print_what_the_page_says
from tests.services.gateway.harness import ADMIN, Gateways

__all__ = ("gateways",)
pytestmark = pytest.mark.xdist_group("makima mcp")


IN_SINGLE_QUOTES = re.compile(r"'[^']*'")
# zsh looks such a word up in its history, also in double quotes (zshexpn, History Expansion); bash leaves out `!"`, too.
RECALLS = re.compile(r"![^\s=(]")


@needs_shell
@pytest.mark.asyncio(loop_scope="module")
async def test_a_newcomer_with_nothing_but_what_makima_up_leaves_gets_to_a_watched_agent_in_each_way(
    gateways: Gateways, nats_server: Nats, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it leaves is a context with an administrator's token; no variable is set, and no way needs another one."""
    for name in [name for name in os.environ if name.startswith("MAKIMA_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
    context.remember(
        context.Context(context.LOCAL, url, nats_server.url, token=ADMIN, data_dir=str(tmp_path))
    )
    await print_what_the_page_says("agents.md", os.environ, tmp_path, apart=True)


def test_what_is_to_be_copied_recalls_no_earlier_line_in_a_shell_that_somebody_types_in() -> None:
    """`"kill $!"` left who used zsh, which macOS does, at a prompt that waited for the end of a quotation."""
    recalls = [
        f"{page.relative_to(DOCS.parent)}: {line}"
        for page in (*DOCS.glob("*.md"), *DOCS.parent.glob("*.md"), *DOCS.parent.glob("libs/*/README.md"))
        for language, text in BLOCK.findall(page.read_text())
        if language == "sh"
        for line in text.splitlines()
        if RECALLS.search(IN_SINGLE_QUOTES.sub("", line))
    ]
    assert recalls == []
