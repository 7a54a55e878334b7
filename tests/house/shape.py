"""The shape of a package: its rooms, its files, and what imports what.

- **room**: what stands directly in the package: a module, or a folder with all that is in it.
- **file**: a module. An `__init__` that holds only its docstring is neither a file nor a room.
- **lines**: as `wc -l` counts them.
- **imports**: pairs of files of the package of which one imports the other, however often.
- **longest chain**: the most files in a row of which each imports the next; a circle counts with all its
  files, once.
- **circles**: groups of rooms, or of files, that reach each other by imports (strongly connected, more than
  one).
- **back up**: imports that go from a lower room to a higher one, in the order of the rooms that has the
  fewest; 0 without a circle.
- **floors**: the most rooms in a row of which each imports the next; rooms of one circle stand on one floor.
"""

import ast
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import grimp

from tests.house.digraph import arrows_up, components, longest_path


@dataclass(frozen=True, slots=True)
class Shape:
    package: str
    rooms: int
    files: int
    lines: int
    median: int
    longest: int
    imports: int
    chain: int
    room_circles: int
    file_circles: int
    back_up: int
    floors: int


def shape_of(package: str, folder: Path) -> Shape:
    """The package must be importable; `folder` is where it lies."""
    lines = {module: text.count("\n") for module, text in _sources(package, folder)}
    found = grimp.build_graph(package.partition(".")[0], cache_dir=None)
    files = {module: found.find_modules_directly_imported_by(module) & lines.keys() for module in lines}
    graph = {module: frozenset(imported) for module, imported in files.items()}
    between = Counter(
        (_room(package, module), _room(package, other))
        for module, imported in files.items()
        for other in imported
        if _room(package, module) != _room(package, other)
    )
    rooms = {
        room: frozenset(to for start, to in between if start == room)
        for room in {_room(package, module) for module in lines}
    }
    circles = [circle for circle in components(rooms) if len(circle) > 1]
    return Shape(
        package=package,
        rooms=len(rooms),
        files=len(lines),
        lines=sum(lines.values()),
        median=round(median(lines.values())),
        longest=max(lines.values()),
        imports=sum(map(len, graph.values())),
        chain=longest_path(graph, whole_circles=True),
        room_circles=len(circles),
        file_circles=sum(len(circle) > 1 for circle in components(graph)),
        back_up=sum(arrows_up(circle, between) for circle in circles),
        floors=longest_path(rooms, whole_circles=False),
    )


def _sources(package: str, folder: Path) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    for path in sorted(folder.rglob("*.py")):
        text, parts = path.read_text(), path.relative_to(folder).with_suffix("").parts
        if parts[-1] == "__init__":
            if len(ast.parse(text).body) <= 1:
                continue
            parts = parts[:-1]
        found.append((".".join((package, *parts)), text))
    return found


def _room(package: str, module: str) -> str:
    return module.removeprefix(package).lstrip(".").partition(".")[0] or "__init__"
