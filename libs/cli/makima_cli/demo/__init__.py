"""The demo fleet: three machines, each with a real `makima daemon start`, and a simulated person. They use only the
public interfaces.

The daemons start the programs in `agents` by the roles of their settings. Those programs do what agents do: work, ask,
crash, hang, and wait for something that does not come. Statuses result from that, from their exits and from missing
heartbeats; no program sets them. `scenarios.py` says which contract shows what.
"""

from collections.abc import Mapping
from typing import Final

HEARTBEAT_SECONDS: Final = 5.0
TIMEOUT_SECONDS: Final = 20.0  # of supervisors and daemons
AGENT_TIMEOUT_SECONDS: Final = 15.0
STUCK_SECONDS: Final = 20.0
RECONNECT_SECONDS: Final = 60.0  # how long the fleet waits for an unreachable makima

# Settings of the services under `makima up --demo`, unless the user has set them: the same rules,
# with timeouts short enough to watch.
SETTINGS: Final[Mapping[str, str]] = {
    "MAKIMA_CONTRACTS__HEARTBEAT_INTERVAL_SECONDS": f"{HEARTBEAT_SECONDS:g}",
    "MAKIMA_CONTRACTS__HEARTBEAT_TIMEOUT_SECONDS": f"{TIMEOUT_SECONDS:g}",
    "MAKIMA_CONTRACTS__AGENT_TIMEOUT_SECONDS": f"{AGENT_TIMEOUT_SECONDS:g}",
    "MAKIMA_CONTRACTS__STUCK_AFTER_SECONDS": f"{STUCK_SECONDS:g}",
    "MAKIMA_CONTRACTS__TASK_PENDING_TIMEOUT_SECONDS": "30",
    "MAKIMA_CONTRACTS__STALE_DETECTION_INTERVAL_SECONDS": "5",
    "MAKIMA_CONTRACTS__CLEANUP_TIMEOUT_SECONDS": "10",
}
