"""The demo fleet: daemons and agents that are real processes, and a simulated user. They use only the public
interfaces.

Statuses result from what the agents do, from their exits and from missing heartbeats; no script sets them.
"""

from collections.abc import Mapping
from typing import Final

HEARTBEAT_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 6.0
AGENT_RECONNECT_TIMEOUT_SECONDS: Final = 60.0  # how long an agent waits for an unreachable makima

# Settings of the services under `makima up --demo`, unless the user has set them: the same rules,
# with timeouts short enough to watch.
SETTINGS: Final[Mapping[str, str]] = {
    "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": f"{HEARTBEAT_SECONDS:g}",
    "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": f"{TIMEOUT_SECONDS:g}",
    "MAKIMA_CONTRACTS__STALE_DETECTION_INTERVAL_SECONDS": "5",
    "MAKIMA_CONTRACTS__CLEANUP_TIMEOUT_SECONDS": "10",
}
