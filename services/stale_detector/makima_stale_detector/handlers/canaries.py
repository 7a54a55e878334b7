"""Publishes canaries, which keep a shard's observed clock running while no heartbeats arrive."""

import asyncio
from time import monotonic
from typing import Final

from makima_kernel.cancellation import raise_if_cancelled
from makima_kernel.nats.streams import canary
from nats.aio.client import Client
from nats.errors import Error as NatsError

from makima_stale_detector.domain.verdicts.detector import Detector
from makima_stale_detector.handlers.heartbeat_consumer import HeartbeatConsumer

CANARY_INTERVAL_SECONDS: Final = 0.05
CANARY_RECENT_SECONDS: Final = 0.04  # no canary is sent if one, of any replica, was read within this time
SLOW_CANARY_INTERVAL_SECONDS: Final = 1.0
SLOW_CANARY_RECENT_SECONDS: Final = 0.8
HEADERS: Final = {"Nats-TTL": "5m"}


class Canaries:
    """Sees to one canary per shard every 50 ms over all replicas; every second while no sender is tracked."""

    def __init__(self, detector: Detector, reader: HeartbeatConsumer, nats: Client) -> None:
        self._detector, self._reader, self._nats = detector, reader, nats

    async def run(self) -> None:
        due = monotonic()
        while True:
            raise_if_cancelled()
            slow = self._detector.warmed_up and not self._detector.tracked
            await self._send(SLOW_CANARY_RECENT_SECONDS if slow else CANARY_RECENT_SECONDS)
            due = max(due + (SLOW_CANARY_INTERVAL_SECONDS if slow else CANARY_INTERVAL_SECONDS), monotonic())
            await asyncio.sleep(due - monotonic())

    async def _send(self, recent: float) -> None:
        """Publish a canary on each shard without a recent one.

        Sends nothing while disconnected: nats-py would queue the message, and a late canary would be useless,
        because it is only meant to show that the stream flows now.
        """
        if not self._nats.is_connected:
            return
        now = monotonic()
        for shard, seen in self._reader.canary_at.items():
            if now - seen >= recent:
                try:
                    await self._nats.publish(canary(shard), b"", headers=HEADERS)
                except NatsError:
                    return
