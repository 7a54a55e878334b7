"""Options of `makima up`, from flags, environment variables, or `makima.toml`."""

import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import click
from makima_kernel.service.service_links import service_links
from makima_local.ports import LOOPBACK
from makima_schemas.addresses import from_environment

REACHABLE_AT_LOOPBACK: Final = (LOOPBACK, "localhost", "0.0.0.0")  # noqa: S104 - as the user wrote it


@dataclass(frozen=True, slots=True)
class Options:
    """The options of one `makima up`. Port 0 means any free port."""

    data_dir: Path
    ephemeral: bool  # `data_dir` is temporary and is deleted at the end
    port: int
    nats_port: int
    demo: bool
    open_browser: bool
    json: bool  # print the summary as one line of JSON
    database_url: str | None  # an existing Postgres to use; None: start an embedded one
    nats_url: str | None  # an existing NATS to use; None: start an embedded one


def settings_file() -> Path | None:
    """The path in `MAKIMA_CONFIG`, else `makima.toml` in the current directory; None if that does not exist.

    The path is absolute, because the services run in another directory. Raises `UsageError` if `MAKIMA_CONFIG`
    names a file that does not exist.
    """
    named = os.environ.get("MAKIMA_CONFIG")
    path = Path(named or "makima.toml")
    if named and not path.is_file():
        raise click.UsageError(f"MAKIMA_CONFIG names {named}, which is no file: correct it, or unset it")
    return path.resolve() if path.is_file() else None


def setting(name: str) -> object:
    """A setting that `makima up` shares with the services: `MAKIMA_<NAME>`, or the text of the file that
    `MAKIMA_<NAME>_FILE` names; else the value in the settings file, else None. Raises `SecretFileError`, and
    `UsageError` if the settings file cannot be read. A variable of a service in Kubernetes is none.
    """
    links = service_links(os.environ)
    environ = {variable: value for variable, value in os.environ.items() if variable not in links}
    return from_environment(environ, f"MAKIMA_{name.upper()}") or _in_file().get(name)


def check_host() -> None:
    """Raises `UsageError` for an address that `makima up`, which reaches its services at 127.0.0.1, cannot use."""
    host = os.environ.get("MAKIMA_HOST", _in_file().get("host", LOOPBACK))
    if host not in REACHABLE_AT_LOOPBACK:
        raise click.UsageError(
            f"MAKIMA_HOST is {host!a}: makima up serves 127.0.0.1, or 0.0.0.0 for every address of this machine"
        )


def _in_file() -> dict[str, object]:
    path = settings_file()
    if path is None:
        return {}
    try:
        # An editor may have put a byte order mark at its beginning.
        return cast("dict[str, object]", tomllib.loads(path.read_text("utf-8-sig")))
    except (OSError, ValueError) as error:  # tomllib's error and that of wrong UTF-8 are ValueErrors
        raise click.UsageError(f"{path} cannot be read: {error}") from error
