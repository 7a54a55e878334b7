"""Reads `makima.toml`, or the file that `MAKIMA_CONFIG` names, as a source of settings."""

import os
import tomllib
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from pydantic_settings import BaseSettings, TomlConfigSettingsSource


class SettingsFileError(ValueError):
    """The settings file is not there, although it was named, or cannot be read; the message says what to do."""


class SettingsFile(TomlConfigSettingsSource):
    """The settings file, also with a byte order mark, which editors put at a file's beginning.

    Raises `SettingsFileError`. Without `MAKIMA_CONFIG` the file may be missing.
    """

    def __init__(self, settings_cls: type[BaseSettings]) -> None:
        named = os.environ.get("MAKIMA_CONFIG")
        if named and not Path(named).is_file():
            raise SettingsFileError(f"MAKIMA_CONFIG names {named}, which is no file: correct it, or unset it")
        super().__init__(settings_cls, Path(named or "makima.toml"))

    def _read_file(self, file_path: Path | Traversable) -> dict[str, Any]:
        try:
            return tomllib.loads(file_path.read_bytes().decode("utf-8-sig"))
        except (OSError, ValueError) as error:  # tomllib's error and that of wrong UTF-8 are ValueErrors
            raise SettingsFileError(f"{file_path} cannot be read: {error}") from error
