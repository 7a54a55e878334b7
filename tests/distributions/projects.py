"""The distributions of the workspace, as their pyproject.toml files describe them."""

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

ROOT: Final = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Project:
    """One pyproject.toml. `packages` are the top-level packages of its wheel."""

    folder: Path
    metadata: dict[str, object]
    packages: tuple[str, ...]

    @property
    def name(self) -> str:
        return cast("str", self.metadata["name"])

    @property
    def version(self) -> str:
        return cast("str", self.metadata["version"])

    @property
    def dependencies(self) -> list[str]:
        return cast("list[str]", self.metadata["dependencies"])

    @property
    def stem(self) -> str:
        """How the names of its wheel and its sdist begin."""
        return f"{self.name.replace('-', '_')}-{self.version}"


def _project(file: Path) -> Project:
    document = tomllib.loads(file.read_text())
    packages = document["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    return Project(file.parent, document["project"], tuple(packages))


PROJECTS: Final = [_project(file) for file in sorted(ROOT.glob("*/*/pyproject.toml"))]
ROOT_VERSION: Final = cast("str", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])
