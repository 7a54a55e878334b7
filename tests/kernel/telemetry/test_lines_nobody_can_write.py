"""A log line that cannot be written is dropped and counted: nobody dies of it, and nobody waits."""

import fcntl
import io
import logging
import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TextIO

import orjson
import pytest
import structlog
from makima_kernel.telemetry import logs
from makima_kernel.telemetry.line_output import LineOutput
from prometheus_client import REGISTRY


@pytest.fixture
def logging_to() -> Iterator[Callable[[TextIO], object]]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    yield lambda stream: logs.configure("contract", "info", stream)
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    """The reading end, and a stream of the writing end of a pipe of 4096 bytes."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    with os.fdopen(writing, "w") as stream:
        yield reading, stream


def dropped() -> float:
    return REGISTRY.get_sample_value("makima_log_lines_dropped_total") or 0.0


def said(data: bytes) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in data.splitlines()]


def test_who_logs_lives_on_when_the_reader_is_gone(
    pipe: tuple[int, TextIO], logging_to: Callable[[TextIO], object]
) -> None:
    reading, stream = pipe
    logging_to(stream)
    os.close(reading)
    before = dropped()
    structlog.get_logger().info("service.started")
    logging.getLogger("nats").warning("away")
    assert dropped() - before == 2


def test_who_logs_does_not_wait_for_a_reader_that_does_not_read(
    pipe: tuple[int, TextIO], logging_to: Callable[[TextIO], object]
) -> None:
    """And says how many lines were dropped, once there is room again; no line is torn."""
    reading, stream = pipe
    logging_to(stream)
    before = dropped()
    for number in range(200):
        structlog.get_logger().info("contract.paused", number=number)
    lost = int(dropped() - before)
    assert 0 < lost < 200
    first = said(os.read(reading, 4096))
    structlog.get_logger().info("contract.resumed")
    then = said(os.read(reading, 4096))
    os.close(reading)
    assert [line.get("number") for line in first] == list(range(200 - lost))
    assert [line["event"] for line in then] == ["log.lines_dropped", "contract.resumed"]
    assert (then[0]["lines"], then[0]["service"]) == (lost, "contract")


def test_a_line_that_was_written_in_part_ends_before_the_next(pipe: tuple[int, TextIO]) -> None:
    reading, stream = pipe
    output = LineOutput(stream)
    output.write("x" * 8000)
    torn = os.read(reading, 4096)
    output.write("whole")
    assert os.read(reading, 4096).splitlines()[1:] == [b"1 lines before were dropped", b"whole"]
    assert torn == b"x" * 4096
    os.close(reading)


def test_it_is_only_our_own_end_that_does_not_wait(pipe: tuple[int, TextIO]) -> None:
    """Others share the opened file: a shell's next command would find its stdout non-blocking."""
    reading, stream = pipe
    LineOutput(stream).write("one")
    assert os.get_blocking(stream.fileno())
    os.close(reading)


def test_a_socket_that_nobody_reads_is_not_waited_for() -> None:
    """As where systemd gives a service the journal's."""
    reading, writing = socket.socketpair()
    with reading, writing, os.fdopen(os.dup(writing.fileno()), "w") as stream:
        output = LineOutput(stream)
        for _ in range(5000):
            output.write("x" * 200)
        assert 0 < output.dropped < 5000


def test_a_full_disk_costs_lines_and_nothing_else() -> None:
    with Path("/dev/full").open("w") as stream:
        output = LineOutput(stream)
        output.write("one")
        output.write("two")
        assert output.dropped == 2


def test_a_file_that_may_grow_again_gets_whole_lines(tmp_path: Path) -> None:
    """A limit of file sizes stands for a disk that is full for a while."""
    log = tmp_path / "service.log"
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        with log.open("a") as stream:
            output = LineOutput(stream)
            resource.setrlimit(resource.RLIMIT_FSIZE, (30, limits[1]))
            for number in range(10):
                output.write(f"line {number} of ten")
            resource.setrlimit(resource.RLIMIT_FSIZE, limits)
            output.write("the last")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    lines = log.read_text().splitlines()
    assert lines[:2] == ["line 0 of ten", "line 1 of ten"]
    assert lines[-2:] == ["8 lines before were dropped", "the last"]


def test_a_process_without_a_stderr_drops_its_lines() -> None:
    output = LineOutput(None)
    output.write("one")
    assert output.dropped == 1


def test_what_is_no_file_is_written_to(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    LineOutput(stream).write("one")
    assert stream.getvalue() == "one\n"
