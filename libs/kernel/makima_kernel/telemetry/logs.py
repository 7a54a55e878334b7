"""Configures logging: one JSON line per log event, with a stable name, fields and the current trace's ids."""

import json
import logging
import sys
from datetime import UTC, datetime
from functools import partial
from typing import Final, TextIO, cast

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

from makima_kernel.telemetry import metrics
from makima_kernel.telemetry.line_output import LineOutput

Logger = FilteringBoundLogger
MAX_VALUE_CHARACTERS: Final = 200
MAX_TRACEBACK_CHARACTERS: Final = 8000


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> Logger:
    """Writes one JSON line per log event to `stream`, by default stderr; returns a logger.

    `level` (e.g. "info") applies to our own loggers; those of libraries (nats,
    faststream, asyncio) write from WARNING. A line that cannot be written is dropped and counted; the next
    that can be follows `log.lines_dropped`, which says how many.
    """
    number = logging.getLevelNamesMapping()[level.upper()]
    output = LineOutput(
        stream or sys.stderr, on_dropped=metrics.log_lines_dropped.inc, note=partial(_dropped, service)
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            partial(_of_service, service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_ids,
            structlog.processors.format_exc_info,
            _shortened,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=lambda *_arguments: _LineLogger(output),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)
    return cast("Logger", structlog.get_logger())


class _LineLogger:
    """What structlog calls with each rendered line, by the name of its level."""

    def __init__(self, output: LineOutput) -> None:
        self.msg = self.debug = self.info = self.warning = self.error = self.critical = output.write


def _dropped(service: str, lines: int) -> str:
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    return _json(
        {
            "lines": lines,
            "event": "log.lines_dropped",
            "service": service,
            "level": "warning",
            "timestamp": now,
        }
    )


def _of_service(service: str, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Adds the field `service` to each event, unless the logger is bound to a service already."""
    event.setdefault("service", service)
    return event


def _trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def _shortened(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Cuts long values: a field may hold what a stranger sent, and must not fill the disk."""
    for name, value in event.items():
        longest = MAX_TRACEBACK_CHARACTERS if name == "exception" else MAX_VALUE_CHARACTERS
        if isinstance(value, (bool, int, float, type(None))):
            continue
        text = value if isinstance(value, str) else str(value)
        if len(text) > longest:
            # a traceback's end says what went wrong
            event[name] = f"…{text[-longest:]}" if name == "exception" else f"{text[:longest]}…"
    return event


def _json(event: EventDict, **_options: object) -> str:
    """Serializes a log event whatever its fields hold, because logging must not raise in the calling code."""
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, an integer beyond 64 bits, or a key of an unsupported type
        return json.dumps(
            {str(name): value if isinstance(value, str) else repr(value) for name, value in event.items()}
        )


class _Bridge(logging.Handler):
    """Turns records of the standard library's logging into structured events: all lines have one format."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = cast("Logger", structlog.get_logger())
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        logger.log(
            record.levelno, "library.log", logger=record.name, message=record.getMessage(), exc_info=exc_info
        )
