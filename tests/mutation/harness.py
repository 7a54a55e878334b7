"""Runs the pure tests of a rule against one change of it: a fork of a Python that has loaded all but the rule
and its tests.
"""

import ast
import importlib.util
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import CodeType, ModuleType
from typing import Final, Literal

import pytest
from makima_kernel.installed_services import installed_services

Fate = Literal["killed", "survived", "hung"]
ROOT: Final = Path(__file__).parents[2]
# Imported anew for each change, as they may have imported the changed module: the services, what runs beside
# agents, and the tests.
BESIDE_AGENTS: Final = ("makima_sdk", "makima_daemon")
RELOADED: Final = frozenset(
    {"tests", "conftest", *BESIDE_AGENTS, *(service.package for service in installed_services())}
)
SERVERS: Final = frozenset({"postgres_server", "nats_server", "make_postgres", "make_nats"})
QUIET: Final = (
    "-x",
    "-q",
    "-n",
    "0",
    "-p",
    "no:cacheprovider",
    "--no-header",
    "--no-summary",
    "-o",
    "addopts=--import-mode=importlib",
)


class OnlyPure:
    """Leaves out the tests that want a server: what kills a change here is a rule's own test."""

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not SERVERS.intersection(getattr(item, "fixturenames", ()))]


class Instead(MetaPathFinder, Loader):
    """The one module `name` is made of `code`."""

    def __init__(self, name: str, code: CodeType) -> None:
        self._name, self._code = name, code

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return importlib.util.spec_from_loader(fullname, self) if fullname == self._name else None

    def exec_module(self, module: ModuleType) -> None:
        module.__file__ = self._code.co_filename
        exec(self._code, module.__dict__)


def preload() -> None:
    """Everything that the tests import, once; the forks forget of it what a change may reach."""
    folders = [
        str(ROOT / "tests" / name)
        for name in ("services", "schemas", "daemon", "sdk", "kernel/commands/test_lifecycle.py")
    ]
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        pytest.main(["--collect-only", *QUIET, *folders], plugins=[OnlyPure()])


def fate(module: str, tree: ast.Module, tests: Sequence[str], seconds: float) -> Fate:
    """What becomes of a change of `module`, by the tests in these files."""
    code = compile(tree, str(ROOT / "mutant.py"), "exec")
    child = os.fork()
    if child == 0:
        os._exit(_try(module, code, tests, seconds))
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return "hung"
    return "survived" if os.WEXITSTATUS(status) == 0 else "killed"


def _try(module: str, code: CodeType, tests: Sequence[str], seconds: float) -> int:
    signal.setitimer(
        signal.ITIMER_PROF, seconds
    )  # nobody handles it: the process is ended; the other timer is pytest-timeout's
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)
    for loaded in list(sys.modules):
        if loaded == module or loaded.split(".")[0] in RELOADED:
            del sys.modules[loaded]
    sys.meta_path.insert(0, Instead(module, code))
    try:
        ended = pytest.main([*QUIET, *(str(ROOT / test) for test in tests)], plugins=[OnlyPure()])
        return 0 if ended == pytest.ExitCode.NO_TESTS_COLLECTED else int(ended)
    except BaseException:  # noqa: BLE001 - a change that cannot even be loaded is noticed
        return 1
