"""What a wheel and an sdist must hold: every file of the package, the licence, the mark of typed code; and
nothing of the machine.
"""

import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.distributions.projects import PROJECTS, ROOT, Project

pytestmark = pytest.mark.timeout(600)
each_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
LICENCE = (ROOT / "LICENSE").read_bytes()


def sources(project: Project) -> set[str]:
    """Every file of its packages: modules, SQL, migrations, tables, the mark."""
    files = [
        path
        for package in project.packages
        for path in (project.folder / package).rglob("*")
        if path.is_file()
    ]
    return {str(path.relative_to(project.folder)) for path in files if "__pycache__" not in path.parts}


@each_project
def test_a_wheel_holds_the_package_its_licence_and_nothing_else(project: Project, built: Path) -> None:
    info = f"{project.stem}.dist-info"
    with zipfile.ZipFile(built / f"{project.stem}-py3-none-any.whl") as wheel:
        names = set(wheel.namelist())
        licence = wheel.read(f"{info}/licenses/LICENSE")
        metadata = wheel.read(f"{info}/METADATA").decode()
    assert {name for name in names if not name.startswith(info)} == sources(project)
    assert {f"{package}/py.typed" for package in project.packages} <= names
    assert licence == LICENCE
    assert "License-Expression: Apache-2.0" in metadata
    assert str(ROOT) not in metadata


@each_project
def test_an_sdist_holds_what_its_wheel_is_built_from(project: Project, built: Path) -> None:
    with tarfile.open(built / f"{project.stem}.tar.gz") as sdist:
        names = {name.removeprefix(f"{project.stem}/") for name in sdist.getnames()}
        licence = sdist.extractfile(f"{project.stem}/LICENSE")
        assert licence is not None
        assert licence.read() == LICENCE
    assert names - {".gitignore"} == {*sources(project), "LICENSE", "README.md", "pyproject.toml", "PKG-INFO"}
