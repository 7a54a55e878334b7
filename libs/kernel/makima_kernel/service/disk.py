"""How full the disk is: a gauge, and a reason not to be ready while Postgres and the broker can still write."""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from makima_kernel.telemetry import metrics

MIN_FREE_SHARE: Final = 0.05


def free_ratio(folder: Path) -> float:
    """The share of its disk that is free to those who are not root: Postgres and the broker."""
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


class Disk:
    """The disk of `folder`, looked at each time that somebody asks."""

    def __init__(self, folder: Path, *, ratio: Callable[[Path], float] = free_ratio) -> None:
        self._folder = folder
        self._ratio = ratio

    def observe(self) -> None:
        """From now on a metric."""
        metrics.disk_free_ratio.labels(str(self._folder)).set_function(self._sample)

    def ready(self) -> str | None:
        """None, or how little is left."""
        try:
            free = self._ratio(self._folder)
        except OSError as error:
            return f"{self._folder} cannot be looked at: {error.strerror}"
        return None if free >= MIN_FREE_SHARE else f"{free:.1%} of the disk of {self._folder} is free, less than {MIN_FREE_SHARE:.0%}"

    def _sample(self) -> float:
        try:
            return self._ratio(self._folder)
        except OSError:
            return math.nan  # an error here would take all the other metrics along
