"""Addresses of makima systems: where they are kept, and how they are shown without the password in them."""

from collections.abc import Mapping
from pathlib import Path


def contexts_file(environ: Mapping[str, str]) -> Path:
    """`$XDG_CONFIG_HOME/makima/contexts.toml`, which `makima up` writes, and the command line and the SDK
    read.
    """
    return Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "makima" / "contexts.toml"


def without_credentials(url: str) -> str:
    """The URL without `user:password@`, for texts that people or logs may see."""
    scheme, separator, rest = url.rpartition("://")
    return f"{scheme}{separator}{rest.rpartition('@')[2]}"
