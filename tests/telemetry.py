"""What a test reads of the metrics and of the log lines of the services in its own process."""

from collections.abc import Mapping, Sequence
from typing import Final

from prometheus_client import REGISTRY

Line = Mapping[str, object]
NO_LABELS: Final[Mapping[str, str]] = {}


def metric(name: str, labels: Mapping[str, str] = NO_LABELS) -> float:
    """0 if nothing was counted, or set, yet."""
    return REGISTRY.get_sample_value(name, dict(labels)) or 0.0


def logged(lines: Sequence[Line], event: str, **fields: object) -> list[Line]:
    """The lines of this event that have these fields."""
    return [line for line in lines if line["event"] == event and fields.items() <= line.items()]
