"""The users of the embedded broker: their passwords, made once, and a signal when `auth.conf` has changed."""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from makima_kernel.credentials import new_secret
from makima_kernel.nats.accounts import BrokerUsers, write_privately
from makima_schemas import permissions

from makima_local.server import ServerProcess


class NatsUsers:
    """In the broker's folder, for us alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passwords = folder / "passwords.json"

    def passwords(self) -> Mapping[str, str]:
        """Of the services, the provisioner and the administrator: made once, so that a context stays right."""
        kept = cast("dict[str, str]", json.loads(self._passwords.read_text()) if self._passwords.is_file() else {})
        missing = {user: new_secret() for user in permissions.USERS if user not in kept}
        if missing:
            write_privately(self._passwords, json.dumps(kept | missing))
        return kept | missing

    def apply(self) -> None:
        """Write `auth.conf`, and have the broker read it if it runs; whoever stays a user is not disturbed."""
        BrokerUsers(self._folder).set_up(self.passwords())
        broker = ServerProcess.find(self._folder / "nats.pid", str(self._folder / "nats.conf"))
        if broker is not None:
            broker.send(signal.SIGHUP)
