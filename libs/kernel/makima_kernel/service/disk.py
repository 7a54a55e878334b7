"""Reports free disk space as a metric, and makes a service not healthy
before Postgres and the broker run out of it.
"""

import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from makima_kernel.telemetry import metrics

MIN_FREE_SHARE: Final = 0.05


def free_ratio(folder: Path) -> float:
    """The share (0 to 1) of the folder's disk that is free for users other than root,
    as Postgres and the broker are.
    """
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


def free_bytes(folder: Path) -> int | None:
    """How much is free there, for the same users; None: it cannot be told."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


class Disk:
    """The disk of `folder`, measured at each call. `ratio` measures the free share of a folder's disk."""

    def __init__(self, folder: Path, *, ratio: Callable[[Path], float] = free_ratio) -> None:
        self._folder = folder
        self._ratio = ratio

    def observe(self) -> None:
        """Exports the free share as a metric, measured at each scrape."""
        metrics.exported(metrics.disk_free_ratio).labels(str(self._folder)).set_function(self._sample)

    def ready(self) -> str | None:
        """None if at least 5 % are free, else the reason."""
        try:
            free = self._ratio(self._folder)
        except OSError as error:
            return f"{self._folder} cannot be checked: {error.strerror}"
        return (
            None
            if free >= MIN_FREE_SHARE
            else f"{free:.1%} of the disk of {self._folder} is free, less than {MIN_FREE_SHARE:.0%}"
        )

    def _sample(self) -> float:
        try:
            return self._ratio(self._folder)
        except OSError:
            return math.nan  # an exception here would fail the scrape of all metrics
