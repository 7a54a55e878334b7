"""Reads the addresses by which services will connect to Postgres, each with the login of the service's own role."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from makima_kernel.event_log.roles import RolesError, role_of

ADDRESS: Final = "url"  # the name of the file in a service's folder


def logins_in(folder: Path, services: Sequence[str]) -> dict[str, str]:
    """The password of each service that has a file `<folder>/<service>/url`, e.g.
    `postgresql://makima_contract:secret@db/makima`: service → password.

    Raises `RolesError` for a file that cannot be read, another user than the service's role, or no password.
    """
    return {
        service: _password(folder / service / ADDRESS, role_of(service))
        for service in services
        if (folder / service).exists()
    }


def _password(file: Path, role: str) -> str:
    try:
        parts = urlsplit(file.read_text().strip())
    except (OSError, ValueError) as error:
        raise RolesError(f"{file} cannot be read: {error}") from error
    if parts.username != role or not parts.password:
        raise RolesError(f"{file} must hold the address with the user {role} and its password")
    if not (password := unquote(parts.password)).isascii():
        raise RolesError(f"{file}: the password must be ASCII")
    return password
