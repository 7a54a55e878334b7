"""Tells of daemons whose new senders are refused: in metrics, in the log, and in the feed that health reads."""

import structlog
from makima_kernel.telemetry import metrics
from makima_schemas.identity import stream_name

from makima_supervisor_heartbeat.domain.sender_cache import SenderCache
from makima_supervisor_heartbeat.handlers.state_publisher import StatePublisher

_logger = structlog.get_logger(__name__)


class LimitReports:
    def __init__(self, senders: SenderCache, feed: StatePublisher) -> None:
        self._senders, self._feed = senders, feed

    def report(self) -> None:
        """Called after each committed batch."""
        limits = self._senders.limits
        for exceeded, count in limits.take_refused().items():
            metrics.senders_refused.labels(exceeded).inc(count)
        for daemon_id, reason in limits.take_begun().items():
            _logger.warning("daemon.senders_refused", daemon_id=daemon_id, reason=reason)
        for daemon_id, over in limits.take_over().items():
            daemon = self._senders.sender(stream_name("daemon", daemon_id), daemon_id)
            daemon.over_limit = over
            self._feed.heard([daemon])
