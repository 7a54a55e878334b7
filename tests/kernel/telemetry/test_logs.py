"""Each line of a process says which service wrote it."""

import io
import json
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog
from makima_kernel.telemetry import logs


@pytest.fixture
def lines() -> Iterator[io.StringIO]:
    handlers, level = logging.getLogger().handlers, logging.getLogger().level
    stream = io.StringIO()
    logs.configure("contract", "info", stream)
    yield stream
    structlog.reset_defaults()
    logging.getLogger().handlers = handlers
    logging.getLogger().setLevel(level)


def test_the_loggers_of_modules_and_of_libraries_name_the_service_too(lines: io.StringIO) -> None:
    structlog.get_logger("makima_kernel.relay.relay").info("relay.stopped")
    logging.getLogger("nats").warning("away")
    structlog.get_logger(service="gateway").info("bound")
    assert [orjson.loads(line)["service"] for line in lines.getvalue().splitlines()] == [
        "contract",
        "contract",
        "gateway",
    ]


@pytest.mark.parametrize(
    ("field", "written"),
    [
        ({3: 120}, {"3": 120}),
        ({(1, 2): 3}, "{(1, 2): 3}"),
        ("\ud800", "\ud800"),
        (2**64, str(2**64)),
        ({"frozen": frozenset({1})}, {"frozen": "frozenset({1})"}),
    ],
    ids=["a dict of numbers", "a dict of tuples", "half a character", "a long number", "a set"],
)
def test_a_line_is_written_whatever_a_field_is(lines: io.StringIO, field: object, written: object) -> None:
    structlog.get_logger().info("recorder.shards_acquired", ahead=field)
    [line] = lines.getvalue().splitlines()
    said = json.loads(line)
    assert (said["event"], said["service"], said["ahead"]) == (
        "recorder.shards_acquired",
        "contract",
        written,
    )


def test_a_line_is_short_whatever_a_stranger_sent(lines: io.StringIO) -> None:
    structlog.get_logger().info("x", path="/" * 60_000, listed=["y" * 60_000], number=10**30)
    structlog.get_logger().error("failed", exc_info=ValueError("z" * 60_000))
    logging.getLogger("library").warning("w" * 60_000)
    written = lines.getvalue().splitlines()
    assert len(written) == 3
    assert all(len(line) < 10_000 for line in written)
    assert orjson.loads(written[0])["path"] == "/" * 200 + "…"
