"""Looks at the system for `SystemSeries`."""

from typing import Final

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector

from makima_gateway.read_model.latest_heartbeats import LatestHeartbeats
from makima_gateway.system.replicas import Replicas
from makima_gateway.system.series import Sample

LATENESS: Final = "verdict_lateness_p99_ms"  # a figure of the detector's replicas
LOOKS_PER_ROUND: Final = 6  # of which one asks all replicas


class VitalSigns:
    def __init__(
        self, log: Log, projector: Projector, heartbeats: LatestHeartbeats, replicas: Replicas
    ) -> None:
        self._log, self._projector, self._heartbeats, self._replicas = log, projector, heartbeats, replicas
        self._samples = 0

    async def sample(self) -> Sample:
        """Raises errors of the database and of nats-py."""
        shown = self._projector.position
        head = await self._log.head()
        lateness = await self._lateness() if self._samples % LOOKS_PER_ROUND == 0 else None
        self._samples += 1
        return Sample(self._heartbeats.tick, head, max(head - shown, 0) if shown else None, lateness)

    async def _lateness(self) -> float | None:
        """The worst of the replicas that answer; None: nobody was declared silent in the last minute."""
        figures = [
            seen.answer.figures.get(LATENESS)
            for seen in await self._replicas.now()
            if not seen.silent_seconds
        ]
        return max((float(one) for one in figures if isinstance(one, int | float)), default=None)
