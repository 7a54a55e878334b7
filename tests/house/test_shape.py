"""The figures of the house are right on graphs that one can draw."""

from collections.abc import Mapping

from tests.house.digraph import arrows_up, components, longest_path


def graph(**arrows: str) -> Mapping[str, frozenset[str]]:
    return {node: frozenset(targets.split()) for node, targets in arrows.items()}


LADDER = graph(app="domain queries", queries="domain", domain="")
CIRCLE = graph(app="log", log="bus", bus="service", service="log sql", sql="")


def test_a_graph_without_a_circle_has_one_component_a_node() -> None:
    assert all(len(component) == 1 for component in components(LADDER))
    assert longest_path(LADDER, whole_circles=True) == longest_path(LADDER, whole_circles=False) == 3


def test_a_circle_is_one_floor_and_all_its_files() -> None:
    assert frozenset({"log", "bus", "service"}) in components(CIRCLE)
    assert longest_path(CIRCLE, whole_circles=False) == 3
    assert longest_path(CIRCLE, whole_circles=True) == 5


def test_what_goes_up_is_counted_in_the_best_order() -> None:
    circle = frozenset({"log", "bus", "service"})
    assert (
        arrows_up(
            circle, {("log", "bus"): 5, ("bus", "service"): 4, ("service", "log"): 2, ("service", "sql"): 9}
        )
        == 2
    )
    assert arrows_up(circle, {("log", "bus"): 1, ("bus", "service"): 4, ("service", "log"): 2}) == 1
