"""Copies programs to where a user has access who has none to where they are installed, such as root's home."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final

from makima_local.account import Account, UnreachableError

COPIES: Final = Path("/var/lib/makima/lib")


def accessible_copy(name: str, make: Callable[[Path], None], account: Account) -> Path:
    """The folder `name` below `COPIES`. If it is missing, `make` fills a new one, which everybody may read.

    The name must differ whenever what is copied does. Raises `UnreachableError` if the account has no access to the
    copy either.
    """
    target = COPIES / name
    if not target.exists():
        making = COPIES / f".{name}.{os.getpid()}"
        try:
            making.mkdir(parents=True)
            make(making)
            open_to_everybody(making)
            making.rename(target)
        except OSError as error:
            if not target.exists():  # another process has not made it first, either
                raise UnreachableError(f"{target} cannot be made: {error}") from error
        finally:
            shutil.rmtree(making, ignore_errors=True)
    if blocked := account.barrier(target):
        raise UnreachableError(
            f"the user {account.name} has no access to {blocked}, and so to no program there"
        )
    return target


def open_to_everybody(folder: Path) -> None:
    """Lets every user read what is in the folder."""
    subprocess.run(["chmod", "-R", "a+rX", str(folder)], check=True, timeout=60)
