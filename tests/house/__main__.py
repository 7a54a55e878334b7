"""`python -m tests.house`: every package's shape as one table, as it is or (`--before REV`) as it was in a
revision.
"""

import argparse
import importlib
import subprocess
import sys
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import astuple
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.house.shape import Shape, shape_of
from tests.house.sources import ROOT

LIBRARIES = ("schemas", "kernel", "local", "sdk", "daemon", "cli")
SERVICES = ("contract", "supervisor_heartbeat", "completion_detector", "stale_detector", "gateway")
COLUMNS = (
    "package", "rooms", "files", "lines", "median file", "longest file", "imports", "longest chain",
    "circles of rooms", "circles of files", "imports back up", "floors",
)  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.house", description=__doc__)
    parser.add_argument("--before", metavar="REV", help="a revision of git, instead of the files as they are")
    revision: str | None = parser.parse_args(arguments).before
    if revision is None:
        _print(ROOT)
        return
    archive = subprocess.run(
        ["git", "archive", revision, "libs", "services"], cwd=ROOT, capture_output=True, check=True
    ).stdout
    with TemporaryDirectory() as folder, tarfile.open(fileobj=BytesIO(archive)) as files:
        files.extractall(folder, filter="data")
        _print(Path(folder))


def _print(root: Path) -> None:
    shapes = list(_shapes(root))
    print("|", " | ".join(COLUMNS), "|")
    print("|---", *("--:" for _ in COLUMNS[1:]), "", sep="|")
    for shape in shapes:
        print("|", " | ".join(map(str, astuple(shape))), "|")


def _shapes(root: Path) -> Iterator[Shape]:
    """Each package, imported from this tree. Services were once modules of one package called `services`."""
    found = [(f"makima_{name}", root / "libs" / name / f"makima_{name}") for name in LIBRARIES]
    for name in SERVICES:
        packaged = root / "services" / name / f"makima_{name}"
        found.append(
            (f"makima_{name}", packaged) if packaged.exists() else (f"services.{name}", packaged.parent)
        )
    sys.path[:0] = [str(root), *(str(folder.parent) for _, folder in found)]
    importlib.invalidate_caches()
    yield from (shape_of(package, folder) for package, folder in found)


if __name__ == "__main__":
    main()
