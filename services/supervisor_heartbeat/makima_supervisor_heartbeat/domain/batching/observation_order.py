"""Puts the observations of all lanes into stream order, whichever lane commits first."""

from collections import deque
from collections.abc import Sequence
from heapq import merge

from makima_supervisor_heartbeat.domain.sender import Observation, Sender

Observed = tuple[Sender, Observation]


class ObservationOrder:
    """Releases observations only once every lane has committed its part of the same stretch of the stream.

    A sender that moves to another daemon may move to another lane. If its older heartbeat were observed after
    its newer one, the log would refuse the older, and not learn of the connection that was replaced: it would
    not be fenced off, and would be taken for a newer incarnation when it speaks again.
    """

    def __init__(self, lanes: int) -> None:
        # Per lane, the observations of its committed batches, oldest first. The reader fills all lanes
        # together, so the first entries of the lanes cover the same stretch of the stream.
        self._committed = [deque[Sequence[Observed]]() for _ in range(lanes)]

    def committed(self, lane: int, observations: Sequence[Observed]) -> list[Observed]:
        """Note the next committed batch of a lane. Returns the observations to submit now, in stream order."""
        self._committed[lane].append(observations)
        released = list[Observed]()
        while all(self._committed):
            released += merge(*(batches.popleft() for batches in self._committed), key=_sequence)
        return released


def _sequence(observed: Observed) -> int:
    return observed[1].heard.stream_sequence
