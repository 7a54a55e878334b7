"""Whom the programs of `makima up` run as: our user, but never root; and what that user needs for it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self, cast

from makima_local import ports, private_files
from makima_local.account import Account, UnreachableError, account
from makima_local.interpreter import Interpreter, interpreter

from makima_cli.up.options import Options, setting

# Settings that name a file which a service reads itself.
READ_BY_SERVICES: Final = ("tls_cert_file", "tls_key_file", "contract_types_file", "nats_password_file")


@dataclass(frozen=True, slots=True)
class RunsAs:
    """The user, and the Python that he has access to."""

    account: Account
    python: Interpreter

    @classmethod
    def found(cls) -> Self:
        """Raises `UnreachableError` if the user could not run the programs, or not read what the settings name."""
        user = account()
        for name in READ_BY_SERVICES:
            file = cast("str | None", setting(name))
            if file and Path(file).is_file() and not user.may_read(Path(file)):
                raise UnreachableError(
                    f"the services run as the user {user.name}, who may not read {name} = {file}: let him, or run "
                    "makima as another user than root"
                )
        return cls(user, interpreter(user))

    def env(self, home: Path) -> Mapping[str, str | None]:
        """What the programs have other than this process: nothing of root's home, which is closed to them."""
        if self.account.is_ours:
            return {}
        return {"HOME": str(home), "USER": self.account.name, "XDG_CONFIG_HOME": None, **self.python.env}

    def readable(self, file: Path, folder: Path) -> Path:
        """The file, or a copy of it in `folder`, which is this user's, if our user is another one."""
        if self.account.is_ours:
            return file
        copy = folder / file.name
        private_files.replace(copy, file.read_text(), (self.account.uid, self.account.gid))
        return copy


def check_ports(options: Options) -> None:
    """Raises `UnreachableError` for a port on which only root may listen, if our programs run as another user."""
    user = account()
    for port, flag in ((options.port, "--port"), (options.nats_port, "--nats-port")):
        if port and port < ports.first_for_everybody() and not user.is_ours:
            raise UnreachableError(
                f"port {port} is for root alone, and makima's programs run as the user {user.name}: choose {flag} "
                f"from {ports.first_for_everybody()}, with a proxy in front"
            )
