"""What nobody uses is announced by name, and what is announced is still unused: the list can only shrink."""

import ast
from collections.abc import Iterator
from functools import cache
from typing import get_args

import pytest
from makima_gateway.api.application import routed
from makima_gateway.auth.policy import API, POLICY
from makima_kernel.service.settings import Settings
from makima_schemas import subjects
from makima_schemas.agent import AgentCommand
from makima_schemas.codec import CLASS_BY_NAME
from makima_schemas.contract.commands import ContractCommand
from makima_schemas.daemon import DaemonCommand
from makima_schemas.supervisor import SupervisorCommand
from pydantic import BaseModel

from tests.house import announced
from tests.house.sources import identifiers, nodes, product

pytestmark = pytest.mark.xdist_group("house")

SETTINGS_MODULE = "libs/kernel/makima_kernel/service/settings.py"
SECTIONS_MODULE = "libs/kernel/makima_kernel/service/contracts_settings.py"
SUBJECTS_MODULE = "libs/schemas/makima_schemas/subjects.py"


@cache
def used(module: str) -> frozenset[str]:
    return frozenset(identifiers(module))


def used_outside(*modules: str) -> frozenset[str]:
    return frozenset[str]().union(*(used(path) for path, _ in product() if path not in modules))


def deciding() -> Iterator[str]:
    """Where a service decides and records: its domain and its handlers."""
    yield from (
        path
        for path, _ in product()
        if path.startswith("services/") and {"domain", "handlers"} & set(path.split("/"))
    )


def made(module: str) -> frozenset[str]:
    """Names outside of patterns: a class that is only matched is read, not made."""
    matched = {
        id(part) for node in nodes(module) if isinstance(node, ast.MatchClass) for part in ast.walk(node.cls)
    }
    return frozenset(
        node.id if isinstance(node, ast.Name) else node.attr
        for node in nodes(module)
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in matched
    )


def fields(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every setting, by its dotted name."""
    for name, field in model.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield from fields(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"


def test_a_route_that_is_announced_is_not_there_and_lets_nobody_in() -> None:
    served = {
        f"{method.upper()} {path.removeprefix(API)}"
        for path, methods in routed().openapi()["paths"].items()
        for method in methods
    }
    assert "GET /contracts" in served
    assert announced.ROUTES.keys().isdisjoint(served)
    assert announced.ROUTES.keys().isdisjoint(POLICY)


def test_an_event_that_no_service_writes_is_announced() -> None:
    written = frozenset[str]().union(*map(made, deciding()))
    assert CLASS_BY_NAME.keys() - written == announced.EVENTS


def test_a_command_that_no_service_handles_is_announced() -> None:
    handled = {name for module in deciding() for name in used(module)}
    commands = {
        cls.__name__
        for union in (ContractCommand, SupervisorCommand, AgentCommand, DaemonCommand)
        for cls in get_args(union)
    }
    assert commands - handled == announced.COMMANDS


def test_a_setting_that_nobody_reads_is_announced() -> None:
    own = {
        node.value
        for node in nodes(SETTINGS_MODULE)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    read = used_outside(SETTINGS_MODULE, SECTIONS_MODULE) | own
    assert {name for name in fields(Settings) if name.rpartition(".")[2] not in read} == announced.SETTINGS


def test_a_subject_that_nobody_uses_is_announced() -> None:
    named = {name for name in vars(subjects) if not name.startswith("_") and name != "Final"}
    assert named - used_outside(SUBJECTS_MODULE) == announced.SUBJECTS
