"""Exports how many senders are stuck; that each becomes so, and gets on, is in the log like every event."""

from typing import Final

from makima_kernel.telemetry import metrics

from makima_supervisor_heartbeat.domain.sender_cache import SenderCache

KINDS: Final = ("agent", "supervisor")


def show_stuck(senders: SenderCache) -> None:
    """Export the number of senders that the log calls stuck; every replica knows all of them."""
    for kind in KINDS:
        gauge = metrics.exported(metrics.senders_stuck).labels(kind)
        gauge.set_function(lambda prefix=f"{kind}-": sum(each.startswith(prefix) for each in senders.stuck))
