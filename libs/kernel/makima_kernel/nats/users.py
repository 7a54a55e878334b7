"""Creates the users of a broker that runs beside makima, and reloads its configuration when daemons change.

`python -m makima_kernel.nats.users USERS_FOLDER PASSWORDS_FOLDER` runs before the broker starts.
"""

import json
import sys
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from makima_schemas import permissions
from nats.errors import Error as NatsError

from makima_kernel.credentials import new_secret
from makima_kernel.nats.accounts import BrokerUsers, write_privately
from makima_kernel.nats.connection import BrokerUnreachableError, connect, ignore_close

PASSWORD: Final = "nats-password"  # noqa: S105 - the name of a file
BROKER_RELOAD_TIMEOUT_SECONDS: Final = 2.0  # for the connection, and again for the reply


class NotReadError(Exception):
    """The broker did not reload its configuration, so it still has the old users; the message says why."""


async def reload_configuration(url: str) -> None:
    """Returns when the broker has reloaded its configuration.

    New users may connect then, removed users are disconnected, and others are not disturbed. `url` is the
    gateway's: the reloader has the same password. Raises `NotReadError`.
    """
    try:
        connection = await connect(
            as_user(url, permissions.RELOADER),
            "reloader",
            on_closed=ignore_close,
            timeout=BROKER_RELOAD_TIMEOUT_SECONDS,
        )
    except (BrokerUnreachableError, NatsError, OSError) as error:
        raise NotReadError(str(error)) from error
    try:
        server = connection._server_info["server_id"]  # noqa: SLF001  # pyright: ignore[reportPrivateUsage] - no public API for it
        answer = await connection.request(
            f"$SYS.REQ.SERVER.{server}.RELOAD", timeout=BROKER_RELOAD_TIMEOUT_SECONDS
        )
    except (NatsError, OSError) as error:
        raise NotReadError(f"no answer: {error}") from error
    finally:
        await connection.close()
    if refusal := json.loads(answer.data).get("error"):
        raise NotReadError(str(refusal["description"]))


def as_user(url: str, user: str, password: str | None = None) -> str:
    """The URL of the same broker for another user; with `password` None it keeps the password in `url`."""
    parts = urlsplit(url)
    return (
        f"nats://{user}:{parts.password if password is None else password}@{parts.netloc.rpartition('@')[2]}"
    )


def set_up(users: Path, passwords: Path) -> None:
    """Writes the broker's users into the folder `users`, and each password into the file
    `<passwords>/<user>/nats-password`.

    Existing passwords are kept.
    """
    known: dict[str, str] = {}
    for user in permissions.USERS:
        file = passwords / user / PASSWORD
        if not file.is_file():
            file.parent.mkdir(mode=0o700, exist_ok=True)
            write_privately(file, new_secret())
        known[user] = file.read_text()
    BrokerUsers(users).set_up(known)


if __name__ == "__main__":
    set_up(Path(sys.argv[1]), Path(sys.argv[2]))
