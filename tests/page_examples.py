"""The examples of a page of the docs, run one after the other as a reader would: they print what the page says."""

import asyncio
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

DOCS: Final = Path(__file__).parents[1] / "docs"
BLOCK: Final = re.compile(r"^```(sh|python|text)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SECTION: Final = re.compile(r"^## ", re.MULTILINE)
END: Final = "==== end of an example ===="
ENOUGH_SECONDS: Final = 240.0

needs_shell = pytest.mark.skipif(
    shutil.which("curl") is None or shutil.which("bash") is None,
    reason="the page's examples need bash and curl",
)


@dataclass(frozen=True)
class Example:
    """What is run, and what it must print; `…` stands for anything."""

    language: str
    code: str
    printed: str


def examples(page: str) -> list[Example]:
    return [example for section in sections(page) for example in section]


def sections(page: str) -> list[list[Example]]:
    """The examples of each section that has any."""
    found = [_examples_in(text) for text in SECTION.split((DOCS / page).read_text())]
    return [each for each in found if each]


def _examples_in(section: str) -> list[Example]:
    found: list[Example] = []
    for language, text in BLOCK.findall(section):
        if language == "text":
            found[-1] = Example(found[-1].language, found[-1].code, text)
        else:
            found.append(Example(language, text, ""))
    return found


def script(page: str, *, apart: bool = False) -> str:
    """All of them as one, so that what one sets the next one has. `apart`: what the first section sets has everybody,
    and what another one sets itself alone.
    """
    first, *others = ["".join(_run(example) for example in section) for section in sections(page)]
    return "".join([first, *(f"(\n{other})\n" if apart else other for other in others)])


def _run(example: Example) -> str:
    if example.language == "sh":
        return f"{example.code}echo '{END}'\n"
    return f"{sys.executable} - <<'END_OF_PYTHON'\n{example.code}END_OF_PYTHON\necho '{END}'\n"


async def print_what_the_page_says(
    page: str, env: Mapping[str, str], folder: Path, *, apart: bool = False
) -> None:
    """Run them in `folder`; `apart` as in `script`."""
    errors = folder / "stderr"
    with errors.open("wb") as stderr:  # a file: a curl that nobody reads any more holds it open for a while
        process = await asyncio.create_subprocess_exec(
            "bash",
            "-euc",
            script(page, apart=apart),
            env=env,
            cwd=folder,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
        )
        assert process.stdout is not None
        async with asyncio.timeout(ENOUGH_SECONDS):
            printed = (await process.stdout.read()).decode()
            status = await process.wait()
    outputs = printed.split(f"{END}\n")
    for example, output in zip(examples(page), outputs, strict=False):
        wanted = ".*".join(re.escape(part) for part in example.printed.split("…"))
        assert re.fullmatch(wanted, output), (
            f"{example.code}\nprinted\n{output}\ninstead of\n{example.printed}\n{errors.read_text()}"
        )
    assert status == 0, errors.read_text()
    assert len(outputs) == len(examples(page)) + 1
