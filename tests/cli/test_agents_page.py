"""The examples of docs/agents.md, run one after the other as a newcomer would, print what the page says."""

import os
import sys
from pathlib import Path

import pytest

from tests.cli.agents_served import environ, gateways
from tests.page_examples import needs_shell, print_what_the_page_says

__all__ = ("environ", "gateways")
pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("makima mcp")]


@needs_shell
async def test_a_newcomer_gets_to_a_watched_agent_in_each_way(
    environ: dict[str, str], tmp_path: Path
) -> None:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    await print_what_the_page_says("agents.md", {**environ, "PATH": path}, tmp_path)
