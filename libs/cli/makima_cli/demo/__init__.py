"""The demo fleet: real daemons with real agents, and a user who looks after them. They know nothing but the public interfaces.

Statuses arise from what the agents do, from their exits and from their silences; no script and no clock sets them.
"""

from collections.abc import Mapping
from typing import Final

HEARTBEAT_SECONDS: Final = 1.0
TIMEOUT_SECONDS: Final = 6.0
AGENT_RECONNECT_TIMEOUT_SECONDS: Final = 60.0  # how long an agent waits for makima to come back before it gives up

# What `makima up --demo` sets for the services, unless the user has: the same rules, at the pace of somebody who watches.
SETTINGS: Final[Mapping[str, str]] = {
    "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": f"{HEARTBEAT_SECONDS:g}",
    "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": f"{TIMEOUT_SECONDS:g}",
    "MAKIMA_CONTRACTS__STALE_DETECTION_INTERVAL_SECONDS": "5",
    "MAKIMA_CONTRACTS__CLEANUP_TIMEOUT_SECONDS": "10",
}
