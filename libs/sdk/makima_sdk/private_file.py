"""Files that only their user may read, as what an agent writes may be secret; on Windows, as their folder says."""

import os
from io import FileIO
from pathlib import Path


def open_private(path: Path, mode: str) -> FileIO:
    """Open it for writing, without a buffer, by the modes of `open`; one that is made gets mode 600. Raises `OSError`."""
    return FileIO(path, mode, opener=_private)


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
