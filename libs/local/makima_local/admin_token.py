"""The administrator's token of a data folder: made once, kept beside what it opens, for us alone."""

import os
import tempfile
from pathlib import Path

from makima_kernel.credentials import new_secret


def admin_token(file: Path) -> str:
    """The one that stands in `file`, else a new one. Delete the file, and the next start makes another; the old one stays until it is revoked."""
    if file.is_file() and (kept := file.read_text().strip()):
        return kept
    secret = new_secret()
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as out:
        out.write(f"{secret}\n")
    Path(beside).replace(file)
    return secret
