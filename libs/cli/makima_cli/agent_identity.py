"""Which agent a command speaks for: options, the environment that a daemon sets, and the connection of a script."""

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Final
from uuid import UUID, uuid5

import click

Command = Callable[..., None]

SCRIPTS: Final = UUID("6d5a9f0e-3a5c-4a43-9a57-1f0b8d3c7e21")  # namespace of the connection ids of scripts


@dataclass(frozen=True, slots=True)
class Identity:
    """One agent: a role of a contract, and the connection that a command acts for."""

    contract_id: str
    role: str
    connection_id: str | None  # None: none was given

    @property
    def of_script(self) -> str:
        """The connection id; where none is given, that of the session (a terminal, a cron job) that the command runs
        in: the same for all commands of a script, whatever shells they run under.
        """
        return self.connection_id or _of_session()


def with_identity(command: Command) -> Command:
    """Decorator that adds `--contract`, `--role` and `--connection-id`; the command gets an `Identity`."""

    @wraps(command)
    def identified(
        *args: object, contract: str, role: str, connection_id: str | None, **options: object
    ) -> None:
        command(*args, identity=Identity(contract, role, connection_id), **options)

    made = click.option(
        "--connection-id",
        metavar="ID",
        envvar="MAKIMA_CONNECTION_ID",
        show_envvar=True,
        help="The connection to act for.",
    )(identified)
    made = click.option(
        "--role", metavar="R", envvar="MAKIMA_ROLE", show_envvar=True, required=True, help="The agent's role."
    )(made)
    return click.option(
        "--contract",
        metavar="C",
        envvar="MAKIMA_CONTRACT",
        show_envvar=True,
        required=True,
        help="Id of the contract.",
    )(made)


def _of_session() -> str:
    from makima_daemon.processes import started  # noqa: PLC0415 — slow to import, for scripts that give no id

    leader = os.getsid(0) if hasattr(os, "getsid") else os.getppid()
    # Empty if the leader has ended, or is outside of this container.
    began = (started(leader) if leader else None) or ""
    return str(uuid5(SCRIPTS, f"{socket.gethostname()} {leader} {began}"))
