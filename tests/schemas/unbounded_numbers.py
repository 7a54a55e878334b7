"""Finds the numbers of a JSON schema that have no upper bound."""

from collections.abc import Iterator
from typing import cast

Json = dict[str, object]
# Stands in events, too, whose history must open: bounded by `NewPhases` instead.
BY_VALIDATOR = {"MinComplete"}


def unbounded(schema: object, path: str) -> Iterator[str]:
    if isinstance(schema, list):
        for at, each in enumerate(cast("list[object]", schema)):
            yield from unbounded(each, f"{path}/{at}")
    if not isinstance(schema, dict):
        return
    said = cast("Json", schema)
    bounds = {"maximum", "exclusiveMaximum", "const", "enum"}
    if said.get("type") in {"integer", "number"} and not bounds & said.keys():
        yield path
    for name, each in said.items():
        if name not in BY_VALIDATOR:
            yield from unbounded(each, f"{path}/{name}")
