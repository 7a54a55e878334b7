"""The users of the embedded broker: makes and stores their passwords and the key that signs daemons' logins, and
lets the broker reload `auth.conf`.
"""

import json
import signal
from collections.abc import Mapping
from pathlib import Path
from typing import cast

from makima_kernel.credentials import new_secret
from makima_kernel.nats.accounts import write_auth, write_privately
from makima_kernel.nats.issuer import Issuer, new_seed
from makima_kernel.nats.users import kept
from makima_schemas import permissions

from makima_local.server import ServerProcess


class NatsUsers:
    """The users in the broker's folder, which only the present user may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._passwords = folder / "passwords.json"
        self.issuer_seed = folder / "issuer.seed"  # the file; the gateway signs daemons' logins with it

    def passwords(self) -> Mapping[str, str]:
        """The password of each service, the provisioner and the administrator, by user.

        They are made once and stored, so that saved contexts stay valid.
        """
        known = self._known()
        missing = {user: new_secret() for user in permissions.USERS if user not in known}
        if missing:
            write_privately(self._passwords, json.dumps(known | missing))
        return known | missing

    def issuer(self) -> Issuer:
        """The key that signs daemons' logins: made once and stored."""
        return Issuer(kept(self.issuer_seed, new_seed))

    def _known(self) -> dict[str, str]:
        """The stored passwords; none if there are none, or if a power cut has torn the file: then all are made
        anew, and everybody is told the new ones at this start.
        """
        try:
            return cast("dict[str, str]", json.loads(self._passwords.read_text()))
        except (FileNotFoundError, ValueError):
            return {}

    def apply(self) -> None:
        """Writes `auth.conf`, and lets a running broker reload it;
        connections of users that remain stay open.
        """
        write_auth(self._folder, self.passwords(), self.issuer())
        broker = ServerProcess.find(self._folder / "nats.pid", str(self._folder / "nats.conf"))
        if broker is not None:
            broker.send(signal.SIGHUP)
