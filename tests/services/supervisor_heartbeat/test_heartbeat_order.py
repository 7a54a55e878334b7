"""Of a heartbeat and a verdict, and of two heartbeats: which was the later one, to the microsecond and the
sequence.
"""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from makima_schemas.evidence import Arrival, Evidence
from makima_supervisor_heartbeat.domain.verdict import contradicted, is_out_of_order, supersedes

LAST = datetime(2026, 1, 1, 12, tzinfo=UTC)
WATERMARK = LAST + timedelta(seconds=121)
JUST = timedelta(microseconds=1)
HEARD = Evidence(LAST, 120.0, LAST + timedelta(seconds=120), WATERMARK, 1000.0, "r1", 7, "e1")
NEVER_HEARD = replace(HEARD, last_heartbeat_at=None, stream_sequence=0)
OLDER_SCHEMA = replace(HEARD, stream_epoch="")


@pytest.mark.parametrize(
    ("evidence", "arrival", "expected"),
    [
        (HEARD, Arrival("e1", 7, LAST), False),
        (HEARD, Arrival("e1", 8, LAST - JUST), True),  # the broker's clock may have been set back
        (HEARD, Arrival("e1", 6, LAST + JUST), False),
        (OLDER_SCHEMA, Arrival("e1", 8, LAST), True),
        (OLDER_SCHEMA, Arrival("e1", 7, LAST + JUST), False),
        (HEARD, Arrival("e2", 1, LAST + JUST), True),  # of another stream: its time decides
        (HEARD, Arrival("e2", 9, LAST), False),
        (NEVER_HEARD, Arrival("e1", 5, WATERMARK - timedelta(seconds=120) + JUST), True),
        (NEVER_HEARD, Arrival("e1", 5, WATERMARK - timedelta(seconds=120)), False),
    ],
)
def test_a_heartbeat_that_the_judge_did_not_know_contradicts_the_verdict(
    evidence: Evidence, arrival: Arrival, *, expected: bool
) -> None:
    assert contradicted(evidence, None, arrival) is expected
    assert not contradicted(evidence, None)


@pytest.mark.parametrize(
    ("arrival", "expected"),
    [
        (Arrival("e1", 8, LAST), True),
        (Arrival("e1", 8, LAST - timedelta(hours=1)), True),  # the broker's clock was set back
        (Arrival("e1", 7, WATERMARK), False),
        (Arrival("e1", 7, WATERMARK + JUST), False),  # the one that the verdict names
        (Arrival("e1", 6, WATERMARK + timedelta(hours=1)), False),  # from before the clock was set back
        (Arrival("e1~1", 6, WATERMARK + JUST), True),  # a broker that lost power began another epoch
    ],
)
def test_only_a_heartbeat_newer_than_what_the_verdict_knew_ends_the_silence(
    arrival: Arrival, *, expected: bool
) -> None:
    assert supersedes(arrival, HEARD) is expected


@pytest.mark.parametrize(
    ("arrival", "last", "expected"),
    [
        (Arrival("e1", 7, LAST), None, False),
        (Arrival("e1", 7, LAST), Arrival("e2", 8, LAST), False),
        (Arrival("e1", 7, LAST), Arrival("e1", 7, LAST), True),
        (Arrival("e1", 6, LAST), Arrival("e1", 7, LAST), True),
        (Arrival("e1", 8, LAST), Arrival("e1", 7, LAST), False),
        (Arrival("e1", 7, LAST + JUST), Arrival("e1", 7, LAST), True),
        (Arrival("e1", 6, LAST + timedelta(hours=1)), Arrival("e1", 7, LAST), True),  # the clock was set back
        (Arrival("e1~1", 6, LAST + JUST), Arrival("e1", 7, LAST), False),
    ],
)
def test_a_heartbeat_is_outrun_by_one_that_came_no_earlier_in_the_same_stream(
    arrival: Arrival, last: Arrival | None, *, expected: bool
) -> None:
    assert is_out_of_order(arrival, last) is expected
