"""The environment of an agent's process: its own token and ids; nothing of the daemon's."""

from collections.abc import Iterable, Mapping
from typing import Final

from makima_daemon.config import RESERVED

MIN_SECRET_LENGTH: Final = 8  # characters; a shorter text is in many values by chance


def of_agent(
    inherited: Mapping[str, str],
    own: Mapping[str, str],
    given: Mapping[str, str | None],
    secrets: Iterable[str],
) -> dict[str, str]:
    """`own` is the role's `env`, `given` what the daemon says to the agent (None: not said).

    Of the daemon's environment, everything of makima is left out, and every value that contains one of `secrets`.
    """
    hidden = [secret for secret in secrets if len(secret) >= MIN_SECRET_LENGTH]
    merged = {name: value for name, value in inherited.items() if not name.startswith(RESERVED)} | dict(own)
    kept = {name: value for name, value in merged.items() if not any(secret in value for secret in hidden)}
    return kept | {name: value for name, value in given.items() if value is not None}
