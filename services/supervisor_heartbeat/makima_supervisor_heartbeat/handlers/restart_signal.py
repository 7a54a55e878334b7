"""Requests a restart from a daemon: signal `restart`, for its supervisors and its agents."""

from collections.abc import Mapping
from typing import Final

from makima_kernel.commands.daemon_signal import signal_daemon
from makima_schemas.commands import Problem
from nats.aio.client import Client

# Only to receive an immediate refusal; the restart itself may take longer.
DAEMON_REPLY_TIMEOUT_SECONDS: Final = 0.5


async def signal_restart(nats: Client, daemon_id: str, body: Mapping[str, str | None]) -> Problem | None:
    """As `signal_daemon`."""
    return await signal_daemon(nats, daemon_id, "restart", body, timeout=DAEMON_REPLY_TIMEOUT_SECONDS)
