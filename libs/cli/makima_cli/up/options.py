"""What was asked of `makima up`, and where the servers are if not here."""

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Options:
    """Port 0 takes a free one. A server URL means: it runs already, leave it alone."""

    data_dir: Path
    ephemeral: bool
    port: int
    nats_port: int
    demo: bool
    open_browser: bool
    json: bool
    database_url: str | None
    nats_url: str | None


def servers_elsewhere() -> tuple[str | None, str | None]:
    """`MAKIMA_DATABASE_URL` and `MAKIMA_NATS_URL`."""
    return os.environ.get("MAKIMA_DATABASE_URL") or None, os.environ.get("MAKIMA_NATS_URL") or None
