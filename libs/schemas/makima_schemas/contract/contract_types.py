"""Reads the contract types and their phases from the built-in file, and from an optional file of the user."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from makima_schemas.contract.model import Deliverable, Gate, Id, Phase

ContractTypes = Mapping[str, tuple[Phase, ...]]


class BadContractTypesError(ValueError):
    """The file of contract types is missing or invalid; the message says where and why."""


@dataclass(frozen=True, slots=True)
class _PhaseEntry:
    deliverables: tuple[Deliverable, ...] = ()
    gate: Gate = field(default_factory=Gate)


@dataclass(frozen=True, slots=True)
class _File:
    types: dict[Id, tuple[Id, ...]] = field(default_factory=dict[Id, tuple[Id, ...]])
    phases: dict[Id, _PhaseEntry] = field(default_factory=dict[Id, _PhaseEntry])


def contract_types(extra: Path | None = None) -> ContractTypes:
    """All contract types, name → phases. The file `extra` adds types and phases, or replaces them by name.

    Raises `BadContractTypesError` if a file is missing, does not fit its schema,
    or names a phase that is not declared.
    """
    built_in = _read(
        files("makima_schemas.contract").joinpath("contract_types.toml").read_text(), "contract_types.toml"
    )
    if extra is None:
        return _resolved(built_in, "contract_types.toml")
    try:
        text = extra.read_text()
    except OSError as error:
        raise BadContractTypesError(f"{extra}: {error.strerror}") from error
    own = _read(text, str(extra))
    return _resolved(
        _File(types={**built_in.types, **own.types}, phases={**built_in.phases, **own.phases}), str(extra)
    )


def _read(text: str, origin: str) -> _File:
    try:
        return TypeAdapter(_File).validate_python(tomllib.loads(text), extra="forbid")
    except (tomllib.TOMLDecodeError, ValidationError) as error:
        raise BadContractTypesError(f"{origin}: {error}") from error


def _resolved(file: _File, origin: str) -> ContractTypes:
    for name, phases in file.types.items():
        unknown = [phase for phase in phases if phase not in file.phases]
        if unknown or not phases or len(set(phases)) < len(phases):
            raise BadContractTypesError(
                f"{origin}: type {name!r} may require only declared phases, each at most once; it lists {list(phases)}"
            )
    return {
        name: tuple(
            Phase(phase, file.phases[phase].deliverables, file.phases[phase].gate) for phase in phases
        )
        for name, phases in file.types.items()
    }
