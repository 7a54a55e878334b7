"""The monitor as its subscribers need it: built once in `app`."""

from dataclasses import dataclass

from makima_kernel.event_log.log import Log

from makima_gateway.auth.ownership import Owners
from makima_gateway.auth.tokens import Tokens
from makima_gateway.monitor.log_tail import Hub
from makima_gateway.monitor.stale_reminders import Reminders
from makima_gateway.read_model.latest_heartbeats import StateFeed
from makima_gateway.read_model.queries import Queries


@dataclass(frozen=True, slots=True)
class Monitor:
    """`enhanced` as in `legacy_status`."""

    hub: Hub
    feed: StateFeed
    reminders: Reminders
    log: Log
    queries: Queries
    owners: Owners
    tokens: Tokens
    enhanced: bool
