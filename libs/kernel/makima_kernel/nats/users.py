"""Creates the users of a broker that runs beside makima.

`python -m makima_kernel.nats.users USERS_FOLDER PASSWORDS_FOLDER` runs before the broker starts, and writes
`auth.conf`, which the broker's configuration includes.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from makima_schemas import permissions

from makima_kernel.credentials import new_secret
from makima_kernel.nats.accounts import write_auth, write_privately
from makima_kernel.nats.issuer import Issuer, new_seed

PASSWORD: Final = "nats-password"  # noqa: S105 - the name of a file
ISSUER_SEED: Final = "nats-issuer-seed"  # the name of a file


def kept(file: Path, make: Callable[[], str]) -> str:
    """The secret in `file`; if there is none, or a power cut has emptied it, a new one, which is stored there for
    our user alone.
    """
    if not file.is_file() or not file.read_text().strip("\0\n "):
        file.parent.mkdir(mode=0o700, exist_ok=True)
        write_privately(file, make())
    return file.read_text()


def as_user(url: str, user: str, password: str | None = None) -> str:
    """The URL of the same broker for another user; with `password` None it keeps the password in `url`."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{user}:{parts.password if password is None else password}@{parts.netloc.rpartition('@')[2]}"


def set_up(users: Path, passwords: Path) -> None:
    """Writes `auth.conf` into the folder `users`, each password into the file `<passwords>/<user>/nats-password`,
    and the seed of the key that signs daemons' logins beside the gateway's.

    Existing passwords and an existing seed are kept.
    """
    known = {user: kept(passwords / user / PASSWORD, new_secret) for user in permissions.USERS}
    seed = kept(passwords / permissions.GATEWAY / ISSUER_SEED, new_seed)
    write_auth(users, known, Issuer(seed))


if __name__ == "__main__":
    set_up(Path(sys.argv[1]), Path(sys.argv[2]))
