"""A constant says what it limits, and a word that was given up does not come back."""

import ast
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

import pytest

from tests.house.sources import identifiers, product
from tests.house.vocabulary import BARE, RETIRED

pytestmark = pytest.mark.xdist_group("house")

MAX_MODULES_WITH_ONE_NAME: Final = 3
ARITHMETIC: Final = (
    ast.Constant, ast.BinOp, ast.UnaryOp, ast.operator, ast.unaryop, ast.Tuple, ast.Name, ast.Attribute, ast.expr_context,
    ast.IfExp, ast.Call, ast.keyword, ast.Compare, ast.cmpop, ast.BoolOp, ast.boolop,
)  # fmt: skip


def numbers() -> Iterator[tuple[str, str]]:
    """Every constant of a module that is a number, or a duration, with its module."""
    for module, tree in product():
        for statement in tree.body:
            match statement:
                case (
                    ast.Assign(targets=[ast.Name(name)], value=value)
                    | ast.AnnAssign(target=ast.Name(name), value=ast.expr() as value)
                ):
                    if name.isupper() and _is_a_number(value):
                        yield name, module
                case _:
                    pass


def _is_a_number(value: ast.expr) -> bool:
    parts = list(ast.walk(value))
    calls = [part.func for part in parts if isinstance(part, ast.Call)]
    return (
        all(isinstance(part, ARITHMETIC) for part in parts)
        and all(
            isinstance(each, ast.Name | ast.Attribute) and ast.unparse(each) in {"timedelta", "os.cpu_count"}
            for each in calls
        )
        and not any(isinstance(part, ast.Constant) and isinstance(part.value, str | bytes) for part in parts)
        and any(isinstance(part, ast.Constant) and type(part.value) in (int, float) for part in parts)
    )


def test_a_constant_says_what_it_limits() -> None:
    guilty = [f"{module}: {name}" for name, module in numbers() if name.lstrip("_") in BARE]
    assert guilty == [], "say what the number limits, e.g. SILENCE_OUTBOX_POLL_SECONDS"


def test_a_number_has_a_name_of_its_own() -> None:
    modules = defaultdict[str, list[str]](list)
    for name, module in numbers():
        modules[name].append(module)
    assert {name: found for name, found in modules.items() if len(found) > MAX_MODULES_WITH_ONE_NAME} == {}


def test_a_word_that_was_given_up_does_not_come_back() -> None:
    found = {
        f"{module}: {name} (say {RETIRED[name]})"
        for module, _ in product()
        for name in (module.rpartition("/")[2].removesuffix(".py"), *identifiers(module))
        if name in RETIRED
    }
    assert found == set()
