"""Converts rows to the parallel arrays that `unnest` takes, so that one statement writes many rows."""

from collections.abc import Iterable


def columns(rows: Iterable[tuple[object, ...]], width: int = 0) -> list[list[object]]:
    """One list per column; `width` empty lists if there are no rows.

    Raises `ValueError` if the rows differ in length.
    """
    listed = list(rows)
    return [list(column) for column in zip(*listed, strict=True)] if listed else [[] for _ in range(width)]
