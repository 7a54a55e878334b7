"""Long proofs in two lengths: short in `make test`, full in `make test-long`, which sets MAKIMA_TEST_CHAOS."""

import os
from collections.abc import Sequence
from typing import Final, TypeVar

T = TypeVar("T")

CHAOS: Final = os.environ.get("MAKIMA_TEST_CHAOS") == "1"


def times(full: int, short: int) -> int:
    """How often to repeat what a number of repetitions proves."""
    return full if CHAOS else short


def one_by_one(cases: Sequence[T]) -> Sequence[Sequence[T]]:
    """Groups of cases for a test that can put several of them to one system: in the full form each has a
    system of its own.
    """
    return [[case] for case in cases] if CHAOS else [cases]
