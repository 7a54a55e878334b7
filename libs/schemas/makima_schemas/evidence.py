"""The evidence in every verdict of silence (domain.md, Time and verdicts, 4)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Final

from pydantic import AfterValidator, GetJsonSchemaHandler, TypeAdapter
from pydantic.json_schema import JsonSchemaValue

# Between the id of a stream and how often it lost its newest messages. Sequences are given out again after that:
# those of two epochs are not comparable, although the stream is the same.
_LOSSES: Final = "~"


def same_stream(epoch: str, other: str) -> bool:
    """True if two epochs are of one stream, which lost its newest messages in between or did not."""
    return epoch.partition(_LOSSES)[0] == other.partition(_LOSSES)[0]


def following_epoch(epoch: str) -> str:
    """The epoch of a stream after it lost its newest messages."""
    stream, _, losses = epoch.partition(_LOSSES)
    return f"{stream}{_LOSSES}{int(losses) + 1 if losses.isdecimal() else 1}"


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where and when a heartbeat arrived at the broker.

    `stream_sequence` is its sequence in the stream MAKIMA_HEARTBEATS; sequences are comparable only within
    the same `stream_epoch`, the incarnation of that stream. `at` is the time by the broker's clock.
    """

    stream_epoch: str
    stream_sequence: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a sender was judged silent.

    `last_heartbeat_at` is when its last heartbeat arrived, by the broker's clock (null: none ever arrived).
    `timeout_seconds` after it was the `deadline`. `watermark` is the time up to which all heartbeats in the
    broker had been processed at the verdict; `lateness_ms` is watermark − deadline, on the observed clock.
    `decided_by` is the process that judged. `stream_sequence` is the last heartbeat's sequence in
    MAKIMA_HEARTBEATS (0: none ever arrived), and `stream_epoch` the incarnation of that stream
    (`makima-epoch` in its metadata; empty: unknown).
    """

    last_heartbeat_at: datetime | None
    timeout_seconds: float
    deadline: datetime
    watermark: datetime
    lateness_ms: float
    decided_by: str
    stream_sequence: int = 0
    stream_epoch: str = ""


MAX_OBSERVED_SECONDS: Final = 10 * 366 * 24 * 3600  # ten years, which no observed clock reaches
# The upper bound of each number in the evidence of a verdict.
BOUNDS: Final = {
    "timeout_seconds": MAX_OBSERVED_SECONDS,
    "lateness_ms": 1000 * MAX_OBSERVED_SECONDS,
    "stream_sequence": 2**63 - 1,  # a bigint of Postgres
}


def _possible(evidence: Evidence) -> Evidence:
    """Raises `ValueError` for a number that no clock and no stream reaches."""
    for name, most in BOUNDS.items():
        if not getattr(evidence, name) <= most:  # so is none that is no number
            raise ValueError(f"{name} is above {most}")
    return evidence


class _Published:
    """Publishes `BOUNDS`."""

    def __get_pydantic_json_schema__(self, schema: object, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """In place: in a document the class has one schema, which is also that of the events."""
        del schema, handler
        bounded = TypeAdapter(Evidence).json_schema()
        for name, most in BOUNDS.items():
            bounded["properties"][name]["maximum"] = most
        return bounded


# The evidence in a command. The bounds are none of `Evidence`, which stands in events: a log from before them must
# still open.
VerdictEvidence = Annotated[Evidence, AfterValidator(_possible), _Published()]
