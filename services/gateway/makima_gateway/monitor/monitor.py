"""The monitor as its subscribers need it: built once in `app`."""

from dataclasses import dataclass

from makima_kernel.event_log.log import Log

from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.tokens import Tokens
from makima_gateway.monitor.log_tail import LogTail
from makima_gateway.monitor.stale_reminders import StaleReminders
from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.read_model.queries import Queries


@dataclass(frozen=True, slots=True)
class Monitor:
    """`enhanced` as in `legacy_status`."""

    log_tail: LogTail
    latest_heartbeats: LatestHeartbeats
    reminders: StaleReminders
    log: Log
    queries: Queries
    owners: Owners
    tokens: Tokens
    enhanced: bool
