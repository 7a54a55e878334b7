"""Figures of a small directed graph: its circles, its longest path, and the arrows that go up in its best
order.
"""

from collections.abc import Iterable, Mapping
from functools import cache

Graph = Mapping[str, frozenset[str]]


def reachable(graph: Graph, start: str) -> frozenset[str]:
    """Every node at the end of a path of at least one arrow."""
    found, todo = set[str](), list(graph[start])
    while todo:
        if (node := todo.pop()) not in found:
            found.add(node)
            todo += graph[node]
    return frozenset(found)


def components(graph: Graph) -> list[frozenset[str]]:
    """The strongly connected components: each node together with those that it reaches and that reach it."""
    reach = {node: reachable(graph, node) for node in graph}
    return list(
        {frozenset({node} | {other for other in reach[node] if node in reach[other]}): None for node in graph}
    )


def longest_path(graph: Graph, *, whole_circles: bool) -> int:
    """The most nodes in a row; a circle counts with all its nodes once, or as one."""
    of = {node: component for component in components(graph) for node in component}

    @cache
    def below(component: frozenset[str]) -> int:
        deeper = {of[target] for node in component for target in graph[node]} - {component}
        return (len(component) if whole_circles else 1) + max(map(below, deeper), default=0)

    return max(map(below, of.values()), default=0)


def arrows_up(circle: frozenset[str], weights: Mapping[tuple[str, str], int]) -> int:
    """The least weight of the arrows that go up, over all orders of the nodes: set by set, 2^n steps."""

    def cost(node: str, above: Iterable[str]) -> int:
        return sum(weights.get((node, each), 0) for each in above)

    @cache
    def best(above: frozenset[str]) -> int:
        """The nodes in `above` are placed; the others come under them."""
        return min((cost(node, above) + best(above | {node}) for node in circle - above), default=0)

    return best(frozenset[str]())
