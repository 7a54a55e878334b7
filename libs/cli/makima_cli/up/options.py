"""What was asked of `makima up`: by flags, the environment, or `makima.toml`."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import cast


@dataclass(frozen=True, slots=True)
class Options:
    """Port 0 takes a free one. A server URL means: it runs already, leave it alone."""

    data_dir: Path
    ephemeral: bool
    port: int
    nats_port: int
    demo: bool
    open_browser: bool
    json: bool
    database_url: str | None
    nats_url: str | None


def settings_file() -> Path | None:
    """`MAKIMA_CONFIG`, else the `makima.toml` where the command was typed (the services run elsewhere), if there is one."""
    path = Path(os.environ.get("MAKIMA_CONFIG", "makima.toml"))
    return path.resolve() if path.is_file() else None


def setting(name: str) -> object:
    """A setting that concerns us as much as the services: `MAKIMA_<NAME>`, else the one in the settings file, else None."""
    path = settings_file()
    in_file = cast("dict[str, object]", tomllib.loads(path.read_text())) if path else {}
    return os.environ.get(f"MAKIMA_{name.upper()}") or in_file.get(name)
