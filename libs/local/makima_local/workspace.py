"""Where the project lies: the folder that holds `services/` and `libs/`."""

import os
from pathlib import Path


class NoWorkspaceError(RuntimeError):
    """The services run where they lie, and that place cannot be found."""


def root() -> Path:
    """`MAKIMA_HOME`, else the first folder above this file that holds `services/` and `libs/`."""
    home = os.environ.get("MAKIMA_HOME")
    candidates = [Path(home).expanduser().resolve()] if home else list(Path(__file__).resolve().parents)
    for folder in candidates:
        if (folder / "services").is_dir() and (folder / "libs").is_dir():
            return folder
    raise NoWorkspaceError(f"no folder with services/ and libs/ at {candidates[0]}: set MAKIMA_HOME to the checkout of makima")
