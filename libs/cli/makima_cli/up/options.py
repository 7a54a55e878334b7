"""Options of `makima up`, from flags, environment variables, or `makima.toml`."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from makima_schemas.addresses import from_environment


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one `makima up`. Port 0 means any free port."""

    data_dir: Path
    ephemeral: bool  # `data_dir` is temporary and is deleted at the end
    port: int
    nats_port: int
    demo: bool
    open_browser: bool
    json: bool  # print the summary as one line of JSON
    database_url: str | None  # an existing Postgres to use; None: start an embedded one
    nats_url: str | None  # an existing NATS to use; None: start an embedded one


def settings_file() -> Path | None:
    """The path in `MAKIMA_CONFIG`, else `makima.toml` in the current directory; None if the file does not
    exist.

    The path is absolute, because the services run in another directory.
    """
    path = Path(os.environ.get("MAKIMA_CONFIG", "makima.toml"))
    return path.resolve() if path.is_file() else None


def setting(name: str) -> object:
    """A setting that `makima up` shares with the services: `MAKIMA_<NAME>`, or the text of the file that
    `MAKIMA_<NAME>_FILE` names; else the value in the settings file, else None. Raises `SecretFileError`.
    """
    path = settings_file()
    in_file = cast("dict[str, object]", tomllib.loads(path.read_text())) if path else {}
    return from_environment(os.environ, f"MAKIMA_{name.upper()}") or in_file.get(name)
