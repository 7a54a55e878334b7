"""The examples of docs/api.md, run one after the other as a reader would, print what the page says they
print.
"""

import asyncio
import os
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from makima_kernel.service.runtime import Service
from makima_kernel.service.settings import Settings
from makima_supervisor_heartbeat import app as heartbeats

from tests.services.gateway.harness import ADMIN, Gateways

PAGE: Final = Path(__file__).parents[4] / "docs" / "api.md"
BLOCK: Final = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
END: Final = "==== end of an example ===="
ENOUGH_SECONDS: Final = 240.0


@dataclass(frozen=True)
class Example:
    """What is run, and what it must print; `…` stands for anything."""

    language: str
    code: str
    printed: str


def examples() -> list[Example]:
    found: list[Example] = []
    for language, text in BLOCK.findall(PAGE.read_text()):
        if language == "text":
            found[-1] = Example(found[-1].language, found[-1].code, text)
        else:
            found.append(Example(language, text, ""))
    return found


def script() -> str:
    """All of them as one, so that what one sets the next one has."""
    parts = (
        example.code
        if example.language == "sh"
        else f"{sys.executable} - <<'END_OF_PYTHON'\n{example.code}END_OF_PYTHON\n"
        for example in examples()
    )
    return "".join(f"{part}echo '{END}'\n" for part in parts)


@pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None,
    reason="the page's examples need bash and curl",
)
async def test_the_examples_print_what_the_page_says(
    gateways: Gateways, settings: Settings, tmp_path: Path
) -> None:
    async with Service.running(heartbeats.NAME, settings, heartbeats.build):  # which owns agents
        await _print_what_the_page_says(gateways, settings, tmp_path)


async def _print_what_the_page_says(gateways: Gateways, settings: Settings, tmp_path: Path) -> None:
    url = str(gateways.clients[0].base_url).removesuffix("/api/v1/")
    env = {
        **os.environ,
        "MAKIMA_URL": url,
        "MAKIMA_TOKEN": ADMIN,
        "MAKIMA_NATS_URL": settings.nats_url,
        "XDG_CONFIG_HOME": str(tmp_path),
    }
    errors = tmp_path / "stderr"
    with errors.open("wb") as stderr:  # a file: a curl that nobody reads any more holds it open for a while
        process = await asyncio.create_subprocess_exec(
            "bash", "-euc", script(), env=env, stdout=asyncio.subprocess.PIPE, stderr=stderr
        )
        assert process.stdout is not None
        async with asyncio.timeout(ENOUGH_SECONDS):
            printed = (await process.stdout.read()).decode()
            status = await process.wait()
    outputs = printed.split(f"{END}\n")
    for example, output in zip(examples(), outputs, strict=False):
        wanted = ".*".join(re.escape(part) for part in example.printed.split("…"))
        assert re.fullmatch(wanted, output), (
            f"{example.code}\nprinted\n{output}\ninstead of\n{example.printed}\n{errors.read_text()}"
        )
    assert status == 0, errors.read_text()
    assert len(outputs) == len(examples()) + 1
