"""How far the read model is behind the log: what is judged from it must not be what has changed already."""

from datetime import timedelta
from typing import Final

from makima_kernel.event_log.log import Log
from makima_kernel.projections.projector import Projector

from makima_stale_detector.queries import Queries

LONGEST_LAG: Final = timedelta(seconds=1)  # of the read model behind the log


async def lags(projector: Projector, log: Log, queries: Queries) -> bool:
    """True if an event has waited for the read model for more than LONGEST_LAG."""
    waiting = await log.after(projector.position, 1)
    return bool(waiting) and await queries.now() - waiting[0].recorded_at > LONGEST_LAG
