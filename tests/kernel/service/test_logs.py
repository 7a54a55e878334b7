"""Each line of a process says which service wrote it."""

import io
import logging
from collections.abc import Iterator

import orjson
import pytest
import structlog
from makima_kernel.service import logs


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
    structlog.get_logger("makima_kernel.log.relay").info("relay.stopped")
    logging.getLogger("nats").warning("away")
    structlog.get_logger(service="gateway").info("bound")
    assert [orjson.loads(line)["service"] for line in lines.getvalue().splitlines()] == ["contract", "contract", "gateway"]
