"""The files of the checkout, each Python file parsed once for all house tests of a process."""

import ast
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


@cache
def tracked(*patterns: str) -> list[Path]:
    """Files of the checkout, as git knows them; everything on disk where there is no git (an archive)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=ROOT, capture_output=True, text=True, check=False
    )
    names = [name for name in listed.stdout.split("\0") if name] if listed.returncode == 0 else []
    found = [ROOT / name for name in names] or [
        path for pattern in patterns for path in ROOT.rglob(pattern) if ".venv" not in path.parts
    ]
    return [path for path in found if path.exists()]


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def parsed() -> Mapping[str, ast.Module]:
    """Each Python file, by its path in the checkout."""
    return {name_of(path): ast.parse(path.read_text()) for path in tracked("*.py")}


@cache
def nodes(name: str) -> Sequence[ast.AST]:
    """Everything in a file, walked once."""
    return tuple(ast.walk(parsed()[name]))


def product() -> Iterator[tuple[str, ast.Module]]:
    """The modules of libs/ and services/."""
    yield from ((name, tree) for name, tree in parsed().items() if name.startswith(("libs/", "services/")))


def identifiers(module: str) -> Iterator[str]:
    """Every name in it: of what is defined, taken, imported or reached."""
    for node in nodes(module):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=asname):
                yield from name.split(".")
                if asname:
                    yield asname
            case _:
                pass
