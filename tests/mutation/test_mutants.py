"""The changes that are tried on a rule: each is one, each is made where it was offered, and what is no rule
is left alone.
"""

import ast

import pytest

from tests.mutation.mutants import mutants, mutated


@pytest.mark.parametrize(
    ("source", "changed"),
    [
        ("x = a < b", ["x = a <= b"]),
        ("x = a and b", ["x = a or b"]),
        ("x = not a", ["x = a"]),
        ("x = True", ["x = False"]),
        ("x = 3", ["x = 4"]),
        ("x = any(y)", ["x = all(y)"]),
        ("x = [a for a in b if a]", ["x = [a for a in b]"]),
        ("x = (a, b)", ["x = (b,)", "x = (a,)"]),
        ("x = b if a else c", ["x = c if a else b"]),
        ("if a:\n    b = c", ["if not a:\n    b = c", "if a:\n    pass"]),
        ("def f():\n    return a", ["def f():\n    return None"]),
        ("def f():\n    raise a", ["def f():\n    pass"]),
        ("f(a)", ["pass"]),
        ("match a:\n    case 'b':\n        c = d", ["match a:\n    case 'b' if False:\n        c = d"]),
    ],
)
def test_a_slip_of_the_pen_is_offered_and_made(source: str, changed: list[str]) -> None:
    assert [ast.unparse(mutated(source, mutant.number)) for mutant in mutants(source)] == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""What it is for."""',
        "x: Final[tuple[int, ...]]",
        "def f(a: dict[str, int] | None) -> None: ...",
        "assert a is not None",
        "x = 'a text'",
    ],
)
def test_what_is_no_rule_is_left_alone(source: str) -> None:
    assert mutants(source) == []
