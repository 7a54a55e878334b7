"""The services installed beside this kernel, ours and others': the entry points of the group `makima.services`.

An entry point names a package: `contract = "makima_contract"`. The package runs as `python -m makima_contract`, and its folder
`migrations/`, if it has one, is applied to the Postgres schema with the entry point's name.
"""

from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final

GROUP: Final = "makima.services"


class BrokenServiceError(RuntimeError):
    """An entry point names a package that is not there; the message says which."""


@dataclass(frozen=True, slots=True)
class InstalledService:
    """`package` is not imported before it runs; `migrations` is None for a service without tables of its own."""

    name: str
    package: str
    migrations: Path | None


def installed_services() -> list[InstalledService]:
    """By name. Raises `BrokenServiceError`."""
    return [_found(name, package) for name, package in sorted({(point.name, point.value) for point in entry_points(group=GROUP)})]


def _found(name: str, package: str) -> InstalledService:
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise BrokenServiceError(f"the entry point {name!r} of {GROUP} names {package!r}, which is no package: reinstall or remove it")
    migrations = Path(spec.submodule_search_locations[0]) / "migrations"
    return InstalledService(name, package, migrations if migrations.is_dir() else None)
