"""The administrator's token of a data folder: made once,
and stored in that folder, readable by its user only.
"""

from pathlib import Path

from makima_kernel.credentials import new_secret

from makima_local import private_files


def admin_token(file: Path) -> str:
    """The token in `file`; if there is none, a new one, which is stored there.

    If the file is deleted, the next start makes another token; the old one stays valid until it is revoked.
    """
    if file.is_file() and (kept := file.read_text().strip()):
        return kept
    secret = new_secret()
    private_files.replace(file, f"{secret}\n")
    return secret
