"""A sender's latest heartbeats as a strip: one character for each interval (pure)."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

ON_TIME: Final = "1"
LATE: Final = "l"
MISSED: Final = "0"
NEW_CONNECTION: Final = "|"
NOT_JOINED: Final = "-"

GRACE: Final = 0.25  # of an interval: a heartbeat on its way is not late

Beat = tuple[datetime, str | None]  # its arrival at the broker, and its connection


def slots(beats: Sequence[Beat], to: datetime, step: timedelta, count: int, *, heard_before: bool) -> str:
    """What was true at the end of each of the `count` intervals up to `to`, the newest last.

    On time: the newest heartbeat was no older than an interval and `GRACE`. Late: the next one was due for less than
    an interval. Missed: for longer. A new connection: in this interval came the first heartbeat of another one than
    the one before. Not joined: none had come yet; with `heard_before` some had, before the first of `beats`.

    `beats` are those of the intervals and of the two before them, oldest first.
    """
    marks, heard = list[str](), 0
    for left in reversed(range(count)):
        end, before = to - left * step, heard
        while heard < len(beats) and beats[heard][0] <= end:
            heard += 1
        marks.append(_mark(beats, before, heard, end, step, heard_before=heard_before))
    return "".join(marks)


def _mark(
    beats: Sequence[Beat], before: int, heard: int, end: datetime, step: timedelta, *, heard_before: bool
) -> str:
    if not heard:
        return MISSED if heard_before else NOT_JOINED
    known = {connection for _, connection in beats[before - 1 : heard]} if before else set[str | None]()
    if len(known) > 1:
        return NEW_CONNECTION
    age = end - beats[heard - 1][0]
    if age <= (1 + GRACE) * step:
        return ON_TIME
    return LATE if age <= 2 * step else MISSED
