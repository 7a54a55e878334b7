"""Rows as the parallel arrays that `unnest` takes, so that one statement writes many of them."""

from collections.abc import Iterable


def columns(rows: Iterable[tuple[object, ...]], width: int = 0) -> list[list[object]]:
    """One array for each column; `width` empty ones where there are no rows. Raises `ValueError` where rows differ in length."""
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[] for _ in range(width)]
