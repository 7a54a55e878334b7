"""The daemon's settings: a TOML file that names its id, its folder, and a command for each role."""

import difflib
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final, cast

from makima_schemas.heartbeat import MAX_AGENTS
from makima_schemas.identity import ID_PATTERN
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

MAX_TOML_BYTES: Final = 256 * 1024
# Variables that the daemon sets for its agents; a role's `env` may not.
RESERVED: Final = "MAKIMA_"

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*").fullmatch
Id = Annotated[str, StringConstraints(pattern=ID_PATTERN)]
Text = Annotated[str, StringConstraints(min_length=1, max_length=32_768, pattern=r"^[^\x00]*$")]
Value = Annotated[str, StringConstraints(max_length=32_768, pattern=r"^[^\x00]*$")]


class ConfigError(ValueError):
    """The file cannot be read, or something in it is wrong; the message names it and says what to do."""


class AgentCommand(BaseModel):
    """How an agent of one role is started: `command` with its arguments, without a shell."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    command: Annotated[tuple[Text, ...], Field(min_length=1)]
    env: dict[str, Value] = {}  # added to its environment

    @field_validator("env")
    @classmethod
    def _names(cls, env: dict[str, str]) -> dict[str, str]:
        for name in env:
            if not _NAME(name):
                raise ValueError(f"{name[:100]!a} is no name of an environment variable")
            if name.startswith(RESERVED):
                raise ValueError(f"{name} is set by the daemon: leave it out")
        return env


class Config(BaseModel):
    """What `makima daemon start` runs by. Paths are absolute."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    daemon_id: Id
    capacity: Annotated[int, Field(ge=1, le=MAX_AGENTS)]  # agents at a time
    workspace: Path  # its folder: worktrees, logs, state
    repository: Path | None = None  # each contract gets a git worktree of it; None: a plain folder
    agents: dict[Id, AgentCommand]  # by role


def load(path: Path) -> Config:
    """Read the file. Relative paths in it are relative to its folder; `~` is the user's home.

    Raises `ConfigError`.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_TOML_BYTES)  # what is cut off there is no settings file
        document = tomllib.loads(data.decode("utf-8-sig"))
    except (OSError, ValueError) as error:  # tomllib's error and that of wrong UTF-8 are ValueErrors
        raise ConfigError(f"{path} cannot be read: {error}") from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_told(error)}") from error
    folder = path.resolve().parent
    return config.model_copy(
        update={
            "workspace": _absolute(config.workspace, folder),
            "repository": None if config.repository is None else _absolute(config.repository, folder),
        }
    )


def _absolute(path: Path, folder: Path) -> Path:
    try:
        return folder / path.expanduser()
    except RuntimeError as error:  # there is no such user, or no home
        raise ConfigError(f"{path}: {error}") from error


def _told(error: ValidationError) -> str:
    """Each mistake with its place; an unknown key with the known one that it resembles."""
    messages: list[str] = []
    for each in error.errors(include_url=False, include_input=False):
        place = [str(step) for step in each["loc"]]
        name = ".".join(place)
        if each["type"] == "extra_forbidden":
            messages.append(f"{name} is no setting{_suggestion(place)}")
        elif each["type"] == "string_pattern_mismatch":
            messages.append(
                f"{name}: an id has 1 to 64 letters, digits, hyphens and underscores" + _key(place)
            )
        elif each["type"] == "missing":
            messages.append(f"{name} is missing")
        else:
            messages.append(f"{name}: {each['msg'].removeprefix('Value error, ')}")
    return "; ".join(messages)


def _key(place: list[str]) -> str:
    return ": so is a role" if place[-1] == "[key]" else ""


def _suggestion(place: list[str]) -> str:
    model = Config if len(place) == 1 else AgentCommand
    known = list(cast("Mapping[str, object]", model.model_fields))
    close = difflib.get_close_matches(place[-1], known, n=1)
    return f": did you mean {close[0]}?" if close else f"; known: {', '.join(known)}"
