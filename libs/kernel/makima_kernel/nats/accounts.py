"""The users of a broker that is ours: those that come with the system and the daemons let in, as the `auth.conf` that it reads."""

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
# Passwords are 256 random bits: nothing can be guessed, and each reload checks those of all who are connected again.
BCRYPT_COST: Final = 4


class NotSetUpError(RuntimeError):
    """It is not written here who comes with the system, or not all of them: the message says where."""


class BrokerUsers:
    """A folder for us and the broker alone. Two write here, each a file of its own: whoever set the broker up, and the gateway.

    Either makes `auth.conf` of both, in which there are only hashes. That the broker reads it again is up to them.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._system = folder / "system.json"
        self._daemons = folder / "daemons.json"

    def set_up(self, passwords: Mapping[str, str]) -> None:
        """Let in those that come with the system, by name, and no others of them. What the reloader has is the gateway's."""
        everybody = {**passwords, permissions.RELOADER: passwords[permissions.GATEWAY]}
        write_privately(self._system, json.dumps({user: password_hash(password) for user, password in everybody.items()}))
        self._write_auth()

    def let_in(self, daemons: Iterable[DaemonUser]) -> None:
        """These and no other daemons. Raises `NotSetUpError`: without services, `auth.conf` would lock them all out."""
        missing = {*permissions.USERS, *permissions.SYSTEM} - self._hashes().keys()
        if missing:
            raise NotSetUpError(
                f"{self._system} has no password of {', '.join(sorted(missing))}: the broker's users are to be set up first"
            )
        write_privately(self._daemons, json.dumps([asdict(daemon) for daemon in daemons]))
        self._write_auth()

    def _write_auth(self) -> None:
        daemons = cast("list[dict[str, str]]", json.loads(self._daemons.read_text()) if self._daemons.is_file() else [])
        write_privately(self._folder / AUTH, "\n".join(_configuration(self._hashes(), [DaemonUser(**each) for each in daemons])))

    def _hashes(self) -> Mapping[str, str]:
        return cast("dict[str, str]", json.loads(self._system.read_text()) if self._system.is_file() else {})


def password_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(BCRYPT_COST, prefix=b"2a")).decode()


def write_privately(file: Path, text: str) -> None:
    """Beside the old one and renamed: who reads it gets the one or the other. Nobody but our user may."""
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
