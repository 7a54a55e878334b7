"""The shared parts that each monitor subscriber uses; built once in `makima_gateway.app`."""

from dataclasses import dataclass

from makima_kernel.event_log.log import Log

from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.sessions import Sessions
from makima_gateway.auth.tokens import Tokens
from makima_gateway.monitor.log_tail import LogTail
from makima_gateway.monitor.names import Names
from makima_gateway.monitor.pulse import Pulse
from makima_gateway.monitor.stale_reminders import StaleReminders
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.queries import Queries


@dataclass(frozen=True, slots=True)
class Monitor:
    """The sources of a subscriber's messages, and what decides whether its principal may see them."""

    log_tail: LogTail
    latest_heartbeats: LatestHeartbeats
    reminders: StaleReminders
    log: Log
    queries: Queries
    owners: Owners
    tokens: Tokens
    names: Names
    pulse: Pulse
    sessions: Sessions
    enhanced: bool  # the feature flag `enhanced_contract_status`; off: clients get the legacy statuses
