"""The users of the embedded broker: `auth.conf`, made of those that come with the system and of the daemons that the gateway lets in."""

import json
import os
import signal
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Final, cast

import bcrypt
from makima_schemas import permissions
from makima_schemas.credentials import new_secret
from makima_schemas.permissions import DaemonUser, Permissions

from makima_local.server import ServerProcess

AUTH: Final = "auth.conf"
# Passwords are 256 random bits: nothing can be guessed, and each reload checks those of all who are connected again.
ROUNDS: Final = 4


class NatsUsers:
    """In the broker's folder, for us alone. Two write here, each a file of its own: whoever set the broker up, and the gateway."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passwords = folder / "passwords.json"
        self._daemons = folder / "daemons.json"

    def passwords(self) -> Mapping[str, str]:
        """Of the services, the provisioner and the administrator: made once, so that a context stays right."""
        kept = cast("dict[str, str]", _read(self._passwords, {}))
        missing = {user: new_secret() for user in permissions.USERS if user not in kept}
        if missing:
            _write(self._passwords, json.dumps(kept | missing))
        return kept | missing

    def let_in(self, daemons: Iterable[DaemonUser]) -> None:
        """These and no other daemons. One that is connected and not among them is cut off."""
        _write(self._daemons, json.dumps([asdict(daemon) for daemon in daemons]))
        self.apply()

    def apply(self) -> None:
        """Write `auth.conf`, and have the broker read it if it runs; whoever stays a user is not disturbed."""
        daemons = [DaemonUser(**each) for each in cast("list[dict[str, str]]", _read(self._daemons, []))]
        fixed = (
            (user, password_hash(password), permissions.USERS[user])
            for user, password in self.passwords().items()
            if user in permissions.USERS
        )
        let_in = ((daemon.user, daemon.password_hash, permissions.daemon(daemon.daemon_id)) for daemon in daemons)
        _write(self._folder / AUTH, "\n".join(_configuration([*fixed, *let_in])))
        broker = ServerProcess.find(self._folder / "nats.pid", str(self._folder / "nats.conf"))
        if broker is not None:
            broker.send(signal.SIGHUP)


def password_hash(password: str) -> str:
    return bcrypt.hashpw(password.encode(), bcrypt.gensalt(ROUNDS, prefix=b"2a")).decode()


def _configuration(users: Sequence[tuple[str, str, Permissions]]) -> Iterator[str]:
    yield "# Written by makima; who may do what stands in makima_schemas.permissions."
    yield "authorization {"
    yield "  users = ["
    for user, hashed, may in users:
        answers = ", allow_responses: true" if may.answers else ""
        yield f"    {{user: {json.dumps(user)}, password: {json.dumps(hashed)}, permissions: {{"
        yield f"      publish: {{allow: {json.dumps(may.publish)}}}, subscribe: {{allow: {json.dumps(may.subscribe)}}}{answers}"
        yield "    }}"
    yield "  ]"
    yield "}"
    yield ""


def _read(file: Path, otherwise: object) -> object:
    return json.loads(file.read_text()) if file.is_file() else otherwise


def _write(file: Path, text: str) -> None:
    """Beside the old one and renamed: the broker reads the one or the other."""
    handle, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")  # mkstemp: mode 600
    with os.fdopen(handle, "w") as out:
        out.write(text)
    Path(beside).replace(file)
