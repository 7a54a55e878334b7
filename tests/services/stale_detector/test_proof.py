"""What a verdict proves, and what is told of an accepted one."""

from datetime import UTC, datetime, timedelta

import pytest
from makima_schemas.codec import Event
from makima_schemas.contract.events import ContractStarted
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected
from makima_schemas.evidence import Evidence
from makima_schemas.silence import SilenceDetected
from makima_schemas.supervisor import SupervisorState, SupervisorStateChanged
from makima_stale_detector.domain.shards.observed_clock import MILLISECOND, SECOND
from makima_stale_detector.domain.shards.shard import Shard
from makima_stale_detector.domain.verdicts.sender_group import Suspect
from makima_stale_detector.domain.verdicts.silence_detected import silence_detected_for
from makima_stale_detector.domain.verdicts.verdict import moment, prove

from tests.services.stale_detector.recorded import NOON, recorded

START = 1_700_000_000 * SECOND
THEN = datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
EVIDENCE = Evidence(NOON, 120.0, NOON, NOON, 0.0, "r1", 7, "e1")


def shard() -> Shard:
    made = Shard(0, grace=0)
    made.begin("e7", 1)
    for tenth in range(101):
        made.consumed(tenth + 1, START + tenth * SECOND // 10)
    return made


def test_the_proof_says_what_was_heard_last_when_the_time_was_over_and_how_late_it_is() -> None:
    suspect = Suspect(shard(), (9_750 * MILLISECOND, 42, START + 5_750 * MILLISECOND, "a"))
    evidence = prove(suspect, watermark=START + 10 * SECOND, timeout=4 * SECOND, decided_by="r1")
    assert evidence == Evidence(
        last_heartbeat_at=THEN + timedelta(seconds=5.75),
        timeout_seconds=4.0,
        deadline=THEN + timedelta(seconds=9.75),
        watermark=THEN + timedelta(seconds=10),
        lateness_ms=250.0,
        decided_by="r1",
        stream_sequence=42,
        stream_epoch="e7",
    )


def test_of_who_was_never_heard_no_last_heartbeat_is_told() -> None:
    evidence = prove(
        Suspect(shard(), (9 * SECOND, 0, 0, None)),
        watermark=START + 10 * SECOND,
        timeout=4 * SECOND,
        decided_by="r1",
    )
    assert (evidence.last_heartbeat_at, evidence.stream_sequence) == (None, 0)


def test_nanoseconds_are_cut_to_microseconds() -> None:
    assert moment(START + 1_999) == THEN + timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("stream", "event", "expected"),
    [
        (
            "supervisor-t1",
            SupervisorStateChanged(
                "c1",
                "d1",
                "x",
                SupervisorState.WORKING,
                SupervisorState.INTERRUPTED,
                "plan",
                "heartbeat_expired",
                EVIDENCE,
            ),
            SilenceDetected("supervisor", "t1", "c1", "x", EVIDENCE),
        ),
        ("daemon-d1", DaemonDisconnected(EVIDENCE), SilenceDetected("daemon", "d1", None, None, EVIDENCE)),
        (
            "supervisor-t1",
            SupervisorStateChanged(
                "c1", "d1", "x", SupervisorState.WORKING, SupervisorState.IDLE, "plan", "heartbeat", EVIDENCE
            ),
            None,
        ),
        (
            "supervisor-t1",
            SupervisorStateChanged(
                "c1",
                "d1",
                "x",
                SupervisorState.WORKING,
                SupervisorState.INTERRUPTED,
                "plan",
                "heartbeat_expired",
            ),
            None,
        ),
        ("daemon-d1", DaemonConnected("box"), None),
        ("contract-c1", ContractStarted(), None),
    ],
)
def test_of_an_accepted_verdict_it_is_told_who_fell_silent_and_why(
    stream: str, event: Event, expected: SilenceDetected | None
) -> None:
    assert silence_detected_for(recorded(stream, event), event) == expected
