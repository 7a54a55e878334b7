"""Reads the addresses, which may contain a password, from files that the environment names."""

import os
from typing import Final

from makima_schemas.addresses import from_environment

IN_FILES: Final = ("database_url", "nats_url")  # settings; `MAKIMA_<NAME>_FILE` names the file with the value


def addresses_in_files() -> dict[str, str]:
    """The value of each of these settings that the environment gives. Raises `SecretFileError`."""
    found = {name: from_environment(os.environ, f"MAKIMA_{name.upper()}") for name in IN_FILES}
    return {name: value for name, value in found.items() if value is not None}
