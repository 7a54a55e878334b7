"""The house rules that no linter knows: modules say what they are for, files stay one idea, nothing names a registry or a machine."""

import ast
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LONGEST = 400
FOREIGN = re.compile(r"\b(pipx?|uvx?) (\S+ )*makima(-cli)?(?![-\w/.])")
REGISTRY = re.compile(r"\b(pypi|pythonhosted|npmjs|deb\.debian)\.(org|com)\b")


def tracked(*patterns: str) -> list[Path]:
    """Files of the checkout, as git knows them; everything on disk where there is no git (an unpacked archive)."""
    listed = subprocess.run(["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False)
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    return [ROOT / name for name in names] or [path for pattern in patterns for path in ROOT.rglob(pattern) if ".venv" not in path.parts]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", [path for path in tracked("*.py") if path.exists()], ids=name_of)
def test_a_module_says_what_it_is_for_and_stays_one_idea(path: Path) -> None:
    source = path.read_text()
    assert not source.strip() or ast.get_docstring(ast.parse(source)), "open with one sentence saying what the module is for"
    assert source.count("\n") <= LONGEST, f"longer than {LONGEST} lines: split it by idea"


def test_nothing_names_a_registry() -> None:
    guilty = [
        name_of(path)
        for path in tracked("*.py", "*.toml", "*.lock", "*.yml", "*.json", "Makefile", "*Dockerfile")
        if path != Path(__file__) and path.exists() and REGISTRY.search(path.read_text())
    ]
    assert guilty == []


def test_nothing_says_to_install_what_belongs_to_others() -> None:
    guilty = [name_of(path) for path in tracked("*.md", "*.py", "*.toml", "Makefile") if path.exists() and FOREIGN.search(path.read_text())]
    assert guilty == [], "our distributions are makima-server, makima-sdk, ...: `makima` and `makima-cli` on the public index are not ours"


def test_sql_says_what_it_is_for() -> None:
    silent = [name_of(path) for path in tracked("*.sql") if path.exists() and not path.read_text().lstrip().startswith("--")]
    assert silent == [], "open a .sql file with a one-line comment"
