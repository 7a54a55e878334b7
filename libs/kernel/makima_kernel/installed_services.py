"""Finds the installed services, also those of third parties, by the entry points in `makima.services`.

An entry point names a package: `contract = "makima_contract"`. The package runs as
`python -m makima_contract`, and its folder `migrations/`, if it has one, is applied to the Postgres schema
with the entry point's name.
"""

from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

GROUP: Final = "makima.services"


class BrokenServiceError(RuntimeError):
    """An entry point names a package that is not installed; the message says which."""


@dataclass(frozen=True, slots=True)
class InstalledService:
    """One installed service. Finding it does not import its package."""

    name: str  # the entry point's name; also the Postgres schema of its tables
    package: str  # the package to run with `python -m`
    migrations: Path | None  # its folder of migrations; None for a service without tables of its own


def installed_services() -> list[InstalledService]:
    """All installed services, sorted by name. Raises `BrokenServiceError`."""
    return [
        _found(name, package)
        for name, package in sorted({(point.name, point.value) for point in entry_points(group=GROUP)})
    ]


def _found(name: str, package: str) -> InstalledService:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BrokenServiceError(
            f"the entry point {name!r} of {GROUP} names {package!r}, which is not a package: reinstall or remove it"
        )
    migrations = Path(spec.submodule_search_locations[0]) / "migrations"
    return InstalledService(name, package, migrations if migrations.is_dir() else None)
