"""Files of the workspace, which only its user may read."""

import os
import tempfile
from pathlib import Path
from typing import BinaryIO


def replace(path: Path, data: bytes) -> None:
    """Replace a file atomically by a new one of mode 600. After a power cut it may be the old one, or broken."""
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(data)
        Path(beside).replace(path)
    except BaseException:
        Path(beside).unlink(missing_ok=True)
        raise


def append_to(path: Path) -> BinaryIO:
    """Open a file for appending, which is made if it is missing. Raises `OSError`, for a link too."""
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
    return os.fdopen(os.open(path, flags, 0o600), "ab")


def folder(path: Path) -> Path:
    """Make a folder, with its parents, that only its user may enter."""
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    return path
