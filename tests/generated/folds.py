"""The fingerprint of each projection's fold: of all code and SQL of its service that could change its rows.

`tests/history/folds.json` has it beside the fold number. Docstrings, comments and layout are left out, so that
words may change.
"""

import ast
import hashlib
import importlib
import re
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Final, cast, get_args

import orjson
from makima_kernel.projections.projection import Projection
from makima_schemas.codec import CLASS_BY_NAME

from tests.guarantees.read_models import OURS

MANIFEST: Final = Path(__file__).parents[1] / "history" / "folds.json"
# Definitions of the kernel are not followed: what it does for every projection has guarantee tests of its own.
FOLLOWED: Final = re.compile(r"makima_(?!kernel\b)\w+")
_COMMENT: Final = re.compile(r"--(?! name:).*")
_EVENTS: Final = frozenset(CLASS_BY_NAME.values())


@dataclass(frozen=True, slots=True, order=True)
class Definition:
    """A function, class or constant at the top of a module."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Fold:
    """A line of `folds.json`."""

    number: int
    fingerprint: str


def recorded() -> dict[str, Fold]:
    """Projection → its fold, as committed."""
    if not MANIFEST.exists():
        return {}
    lines = cast("dict[str, dict[str, int | str]]", orjson.loads(MANIFEST.read_bytes()))
    return {name: Fold(int(line["number"]), str(line["fingerprint"])) for name, line in lines.items()}


def actual() -> dict[str, Fold]:
    return {each.name: Fold(each.fold_number, fingerprint(each)) for each in OURS}


def changed() -> list[str]:
    """The projections whose fold changed while their number did not."""
    before = recorded()
    return [
        name
        for name, fold in actual().items()
        if name in before and fold.number == before[name].number and fold != before[name]
    ]


def manifest() -> str:
    """As committed where only the fingerprint changed: first the fold number must be raised."""
    folds = {name: recorded()[name] if name in changed() else fold for name, fold in actual().items()}
    return orjson.dumps(folds, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def fingerprint(projection: Projection) -> str:
    text = "\n".join(f"{each.module}.{each.name}: {_text(each)}" for each in sorted(definitions(projection)))
    return hashlib.sha256(text.encode()).hexdigest()


def definitions(projection: Projection) -> set[Definition]:
    """The class of the projection, and what it uses, directly or not."""
    cls = type(projection)
    found: set[Definition] = set()
    open_ = [Definition(cls.__module__, cls.__name__)]
    while open_:
        each = open_.pop()
        if each not in found:
            found.add(each)
            open_ += _used(each)
    return found


def _used(definition: Definition) -> Iterator[Definition]:
    module = definition.module
    for node in ast.walk(_folding(_defined(module)[definition.name])):
        match node:
            case ast.Attribute(value=ast.Name(id=name), attr=attribute):
                yield from _resolved(module, name, attribute)
            case ast.Name(id=name):
                yield from _resolved(module, name)
            case _:
                pass


def _resolved(module: str, name: str, attribute: str | None = None) -> Iterator[Definition]:
    """What a name means in a module, or an attribute of a module of that name."""
    if name in _defined(module):
        if not _is_event(module, name):
            yield Definition(module, name)
    elif (origin := _imported(module).get(name)) is not None:
        source, original = origin
        if _is_module(f"{source}.{original}"):
            if attribute is not None:
                yield from _resolved(f"{source}.{original}", attribute)
        else:
            yield from _resolved(source, original)


def _is_event(module: str, name: str) -> bool:
    """True for an event class, or a union of some: `tests/history` holds that the old ones stay readable."""
    value: object = getattr(importlib.import_module(module), name)
    parts = get_args(value) or (value,)
    return all(part in _EVENTS for part in parts if isinstance(part, type)) and any(
        isinstance(part, type) for part in parts
    )


def forget() -> None:
    """Reads every file again."""
    for cached in (_tree, _defined, _imported):
        cached.cache_clear()


@cache
def _tree(module: str) -> ast.Module:
    return ast.parse(path_of(module).read_text())


@cache
def _defined(module: str) -> dict[str, ast.stmt]:
    found: dict[str, ast.stmt] = {}
    for node in _tree(module).body:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                found[name] = node
            case ast.Assign(targets=[ast.Name(id=name)]) | ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = node
            case _:
                pass
    return found


@cache
def _imported(module: str) -> dict[str, tuple[str, str]]:
    """Name → the module that it is imported from, and its name there."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in _tree(module).body
        if isinstance(node, ast.ImportFrom) and node.module and FOLLOWED.match(node.module)
        for alias in node.names
    }


@cache
def _is_module(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:
        return False


def path_of(module: str) -> Path:
    loaded: ModuleType = importlib.import_module(module)
    assert loaded.__file__ is not None
    return Path(loaded.__file__)


def _text(definition: Definition) -> str:
    """The syntax of the definition; for a module's `SQL` also the file that it reads."""
    code = _syntax(_folding(_defined(definition.module)[definition.name]))
    sql = _sql(path_of(definition.module).with_suffix(".sql")) if definition.name == "SQL" else ""
    return f"{code}{sql}"


def _syntax(node: object) -> str:
    """As `ast.dump`, but the same text in each version of Python: without what is empty."""
    match node:
        case ast.AST():
            members = ((name, value) for name, value in ast.iter_fields(node) if value not in (None, []))
            return (
                f"{type(node).__name__}({', '.join(f'{name}={_syntax(value)}' for name, value in members)})"
            )
        case list():
            return f"[{', '.join(map(_syntax, cast('list[object]', node)))}]"
        case _:
            return repr(node)


def _sql(path: Path) -> str:
    return " ".join(_COMMENT.sub("", path.read_text()).split())


def _folding(node: ast.stmt) -> ast.stmt:
    """Without docstrings, and without `decide` of a decider, which makes events and no rows."""
    return cast("ast.stmt", _Folding().visit(deepcopy(node)))


class _Folding(ast.NodeTransformer):
    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        return None if isinstance(node.value, ast.Constant) and isinstance(node.value.value, str) else node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST | None:
        return None if node.name == "decide" else self.generic_visit(node)
