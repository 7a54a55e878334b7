"""The house rules that no linter knows: modules say what they are for, files stay one idea, nothing names a
registry or a machine.
"""

import ast
import re
from pathlib import Path

import pytest

from tests.house.sources import name_of, nodes, parsed, tracked

pytestmark = pytest.mark.xdist_group("house")  # one process parses the files

LONGEST_FILE_LINES = 250
FOREIGN = re.compile(r"\b(pipx?|uvx?) (\S+ )*makima(-cli)?(?![-\w/.])")
REGISTRY = re.compile(r"\b(pypi|pythonhosted|npmjs|deb\.debian)\.(org|com)\b")


def test_a_module_says_what_it_is_for() -> None:
    silent = [name for name, tree in parsed().items() if tree.body and not ast.get_docstring(tree)]
    assert silent == [], "open with one sentence saying what the module is for"


def lines_without_prose(path: Path) -> int:
    """Lines of a file; comments and docstrings do not count: nobody should save on them."""
    source = path.read_text()
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    prose = sum(line.lstrip().startswith("#") for line in source.splitlines())
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, documented) and ast.get_docstring(node) is not None:
            prose += (node.body[0].end_lineno or 0) - node.body[0].lineno + 1
    return source.count("\n") - prose


def test_a_file_stays_one_idea() -> None:
    long = [
        f"{name_of(path)}: {lines}"
        for path in tracked("*.py")
        if (lines := lines_without_prose(path)) > LONGEST_FILE_LINES
    ]
    assert long == [], f"longer than {LONGEST_FILE_LINES} lines: split it by idea"


def test_no_service_outlives_the_module_that_tests_it() -> None:
    """Else it stays in the queue groups of the worker's broker, on a loop that stands still, and the next module's
    requests go to it. `package` is the whole session where folders are no packages.
    """
    guilty = [
        f"{name}:{node.lineno}"
        for name in parsed()
        if name.startswith("tests/")
        for node in nodes(name)
        if isinstance(node, ast.keyword) and _is_wide(node)
    ]
    assert guilty == [], "a fixture or a loop lives for a module at most"


def _is_wide(node: ast.keyword) -> bool:
    wide = {"loop_scope": {"session", "package", "class"}, "scope": {"package"}}
    return isinstance(node.value, ast.Constant) and node.value.value in wide.get(str(node.arg), set())


def test_nothing_is_imported_from_a_test() -> None:
    guilty = [
        f"{name}:{node.lineno}"
        for name in parsed()
        for node in nodes(name)
        if isinstance(node, ast.Import | ast.ImportFrom) and any(map(_is_a_test, _modules(node)))
    ]
    assert guilty == [], "what several tests use lives in a module that is no test"


def _modules(node: ast.Import | ast.ImportFrom) -> list[str]:
    """Every module that the statement may name."""
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return (
        [f"{node.module or ''}.{alias.name}" for alias in node.names]
        if (node.module or "").startswith("tests") or node.level
        else []
    )


def _is_a_test(module: str) -> bool:
    return any(part.startswith("test_") for part in module.split("."))


def test_nothing_names_a_registry() -> None:
    guilty = [
        name_of(path)
        for path in tracked("*.py", "*.toml", "*.lock", "*.yml", "*.json", "Makefile", "*Dockerfile")
        if path != Path(__file__) and REGISTRY.search(path.read_text())
    ]
    assert guilty == []


def test_nothing_says_to_install_what_belongs_to_others() -> None:
    guilty = [
        name_of(path)
        for path in tracked("*.md", "*.py", "*.toml", "Makefile")
        if path.exists() and FOREIGN.search(path.read_text())
    ]
    assert guilty == [], (
        "our distributions are makima-server, makima-sdk, ...: `makima` and `makima-cli` on the public index are not ours"
    )


def test_sql_says_what_it_is_for() -> None:
    silent = [name_of(path) for path in tracked("*.sql") if not path.read_text().lstrip().startswith("--")]
    assert silent == [], "open a .sql file with a one-line comment"
