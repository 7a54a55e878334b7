"""The administrator's token of a data folder: made once,
and stored in that folder, readable by its user only.
"""

import os
import tempfile
from pathlib import Path

from makima_kernel.credentials import new_secret


def admin_token(file: Path) -> str:
    """The token in `file`; if there is none, a new one, which is stored there.

    If the file is deleted, the next start makes another token; the old one stays valid until it is revoked.
    """
    if file.is_file() and (kept := file.read_text().strip()):
        return kept
    secret = new_secret()
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as out:
        out.write(f"{secret}\n")
    Path(beside).replace(file)
    return secret
