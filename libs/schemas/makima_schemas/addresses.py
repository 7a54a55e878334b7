"""Addresses of makima systems: where they are kept, and how they are shown without the password in them."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

_DEFAULT_PORTS = {"http": 80, "https": 443}


class SecretFileError(ValueError):
    """The file that a variable `MAKIMA_<NAME>_FILE` names cannot be read or is empty."""


def contexts_file(environ: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/makima/contexts.toml`, which `makima up` writes, and the command line and the SDK
    read.
    """
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "makima" / "contexts.toml"


def without_credentials(url: str) -> str:
    """The URL without `user:password@`, for texts that people or logs may see."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"


def origin(url: str) -> tuple[str, str, int | None]:
    """Scheme, host and port of a URL (RFC 6454): where a secret for this URL may be sent to."""
    parts = urlsplit(url if "://" in url else f"//{url}")
    try:
        port = parts.port
    except ValueError:  # no number
        port = None
    scheme = parts.scheme.lower()
    return scheme, (parts.hostname or "").lower(), port or _DEFAULT_PORTS.get(scheme)


def from_environment(environ: Mapping[str, str], variable: str) -> str | None:
    """The value of a variable, else the text of the file that `<variable>_FILE` names; None if neither is set.

    A file keeps a secret out of the environment, which other processes of the same user can read and every
    child inherits. Raises `SecretFileError`.
    """
    value, file = environ.get(variable), environ.get(f"{variable}_FILE")
    if value or not file:
        return value or None
    try:
        text = Path(file).read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SecretFileError(f"the file that {variable}_FILE names cannot be read: {error}") from error
    if not text:
        raise SecretFileError(f"the file that {variable}_FILE names is empty: {file}")
    return text
