"""What a heartbeat and a verdict change in a daemon."""

from datetime import UTC, datetime, timedelta

from makima_kernel.testing import scenario
from makima_schemas.daemon import DaemonConnected, DaemonDisconnected, ObserveDaemon
from makima_schemas.evidence import Arrival, Evidence
from makima_supervisor_heartbeat.domain.daemon import DaemonDecider
from makima_supervisor_heartbeat.domain.verdict import JudgeDisconnected

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)

given = scenario(DaemonDecider())


def at(sequence: int) -> Arrival:
    return Arrival("e1", sequence, NOON + timedelta(seconds=sequence))


def evidence(sequence: int) -> Evidence:
    return Evidence(
        NOON + timedelta(seconds=sequence),
        50.0,
        NOON,
        NOON + timedelta(seconds=90),
        0.0,
        "test",
        sequence,
        "e1",
    )


def test_the_first_heartbeat_connects() -> None:
    given().when(ObserveDaemon("box", at(1))).then(DaemonConnected("box", at(1)))


def test_a_steady_heartbeat_changes_nothing() -> None:
    given(DaemonConnected("box", at(1))).when(ObserveDaemon("box", at(2))).then_nothing()


def test_another_hostname_is_told() -> None:
    given(DaemonConnected("box", at(1))).when(ObserveDaemon("crate", at(2))).then(
        DaemonConnected("crate", at(2))
    )


def test_a_supervisor_registers_its_unknown_daemon() -> None:
    given().when(ObserveDaemon("", at(1))).then(DaemonConnected("", at(1)))


def test_a_supervisor_does_not_revive_its_daemon() -> None:
    given(DaemonConnected("box", at(1)), DaemonDisconnected(evidence(1))).when(
        ObserveDaemon("", at(9))
    ).then_nothing()


def test_silence_disconnects() -> None:
    given(DaemonConnected("box", at(1))).when(JudgeDisconnected(evidence(2), at(2))).then(
        DaemonDisconnected(evidence(2))
    )


def test_nobody_is_disconnected_twice() -> None:
    given(DaemonConnected("box", at(1)), DaemonDisconnected(evidence(2))).when(
        JudgeDisconnected(evidence(2), at(2))
    ).then_nothing()


def test_a_newer_recorded_heartbeat_refuses_the_verdict() -> None:
    given(DaemonConnected("box", at(1))).when(JudgeDisconnected(evidence(2), at(3))).then_nothing()


def test_any_later_heartbeat_of_its_own_reconnects() -> None:
    given(DaemonConnected("box", at(1)), DaemonDisconnected(evidence(2))).when(
        ObserveDaemon("box", at(3))
    ).then(DaemonConnected("box", at(3)))


def test_the_heartbeat_that_the_verdict_knew_of_reconnects_nothing() -> None:
    given(DaemonConnected("box", at(1)), DaemonDisconnected(evidence(2))).when(
        ObserveDaemon("box", at(2))
    ).then_nothing()
