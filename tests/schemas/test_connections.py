"""One rule says which connections of a sender are remembered as fenced."""

from functools import reduce
from itertools import pairwise

from makima_schemas.connections import REMEMBERED_CONNECTIONS, fence


def test_the_newest_sixty_four_are_remembered_in_the_order_in_which_they_were_replaced() -> None:
    ids = [f"c{number}" for number in range(100)]
    pairs = pairwise(ids)
    fenced = reduce(lambda before, pair: fence(before, *pair), pairs, ())
    assert fenced == tuple(ids[-1 - REMEMBERED_CONNECTIONS : -1])
    assert REMEMBERED_CONNECTIONS == 64


def test_a_connection_that_stays_fences_nothing() -> None:
    assert fence(("a",), "b", "b") == ("a",)
    assert fence(("a",), None, "b") == ("a",)


def test_a_connection_is_remembered_once() -> None:
    assert fence(("a", "b"), "a", "c") == ("b", "a")
