"""Small pictures in one line: an agent's latest heartbeats by height, and a figure over time."""

from collections.abc import Sequence
from typing import Final

from makima_sdk.agents import Beats

SHOWN: Final = 20
_HEIGHTS: Final = "▁▂▃▄▅▆▇"
# By height, so that it reads without colour.
_SLOTS: Final = {"1": "▇", "l": "▃", "0": "_", "|": "¦", "-": "·"}


def strip(beats: Beats | None, shown: int = SHOWN) -> str:
    """The latest beats in exactly `shown` cells; blank if the server tells none."""
    slots = "" if beats is None else beats.slots[-shown:]
    return "".join(_SLOTS.get(slot, " ") for slot in slots).rjust(shown)


def sparkline(values: Sequence[float | None], shown: int = 12) -> str:
    """The latest values, each as high as its share of the highest; a gap where there is none."""
    latest = list(values)[-shown:]
    highest = max((value for value in latest if value is not None), default=0.0)
    return "".join(_bar(value, highest) for value in latest)


def _bar(value: float | None, highest: float) -> str:
    if value is None:
        return " "
    return _HEIGHTS[round(value / highest * (len(_HEIGHTS) - 1))] if highest > 0 else _HEIGHTS[0]
