"""Writes `auth.conf`, the users of a broker that makima configures: the system's own, and the daemons."""

import json
import os
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

import bcrypt
from makima_schemas import permissions
from makima_schemas.permissions import DaemonUser, Permissions

AUTH: Final = "auth.conf"
# bcrypt's cost, at its minimum: the passwords are 256 random bits, so they cannot be guessed, and on each
# reload the broker checks the passwords of all connected users again.
BCRYPT_COST: Final = 4


class NotSetUpError(RuntimeError):
    """The folder does not have the password of every system user;
    the message names the file and the users.
    """


class BrokerUsers:
    """The folder with the broker's users, readable by makima's user and the broker only.

    It has two writers with a file each: the setup of the broker writes `system.json`, the gateway
    `daemons.json`. Each of them then writes `auth.conf` from both files, which contain password hashes only.
    The caller must make the broker reload its configuration.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._system = folder / "system.json"
        self._daemons = folder / "daemons.json"

    def set_up(self, passwords: Mapping[str, str]) -> None:
        """Sets the system's users, replacing earlier ones; `passwords` is by user name.

        The reloader gets the gateway's password, because the gateway connects as both.
        """
        everybody = {**passwords, permissions.RELOADER: passwords[permissions.GATEWAY]}
        write_privately(
            self._system, json.dumps({user: password_hash(password) for user, password in everybody.items()})
        )
        self._write_auth()

    def let_in(self, daemons: Iterable[DaemonUser]) -> None:
        """Sets the daemons that may connect, replacing earlier ones.

        Raises `NotSetUpError` if the system's users are not set:
        an `auth.conf` without them would lock out all services.
        """
        missing = {*permissions.USERS, *permissions.SYSTEM} - self._hashes().keys()
        if missing:
            raise NotSetUpError(
                f"{self._system} has no password of {', '.join(sorted(missing))}: the broker's users are to be set up first"
            )
        write_privately(self._daemons, json.dumps([asdict(daemon) for daemon in daemons]))
        self._write_auth()

    def _write_auth(self) -> None:
        daemons = cast(
            "list[dict[str, str]]", json.loads(self._daemons.read_text()) if self._daemons.is_file() else []
        )
        write_privately(
            self._folder / AUTH,
            "\n".join(_configuration(self._hashes(), [DaemonUser(**each) for each in daemons])),
        )

    def _hashes(self) -> Mapping[str, str]:
        """The password hash of each system user."""
        return cast("dict[str, str]", json.loads(self._system.read_text()) if self._system.is_file() else {})


def password_hash(password: str) -> str:
    """The bcrypt hash as nats-server expects it."""
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST, prefix=b"2a")).decode()


def write_privately(file: Path, text: str) -> None:
    """Replaces a file atomically, by renaming a new one; only our user may read it."""
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as out:
        out.write(text)
    Path(beside).replace(file)


def _configuration(hashes: Mapping[str, str], daemons: Iterable[DaemonUser]) -> Iterator[str]:
    yield "# Written by makima; who may do what stands in makima_schemas.permissions."
    yield "accounts { $SYS { users = ["
    for user, may in permissions.SYSTEM.items():
        yield from _user(user, hashes[user], may)
    yield "] } }"
    yield "authorization { users = ["
    for user, may in permissions.USERS.items():
        yield from _user(user, hashes[user], may)
    for daemon in daemons:
        yield from _user(daemon.user, daemon.password_hash, permissions.daemon(daemon.daemon_id))
    yield "] }"
    yield ""


def _user(user: str, hashed: str, may: Permissions) -> Iterator[str]:
    answers = ", allow_responses: true" if may.answers else ""
    yield f"  {{user: {json.dumps(user)}, password: {json.dumps(hashed)}, permissions: {{"
    yield f"    publish: {{allow: {json.dumps(may.publish)}}}, subscribe: {{allow: {json.dumps(may.subscribe)}}}{answers}"
    yield "  }}"
