"""Logs are events: one JSON line each, with a stable name, fields, and the trace they belong to."""

import json
import logging
import sys
from functools import partial
from typing import TextIO, cast

import orjson
import structlog
from opentelemetry import trace
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger

Logger = FilteringBoundLogger


def configure(service: str, level: str = "info", stream: TextIO | None = None) -> Logger:
    """One JSON line per event on stderr. Library loggers (nats, faststream, asyncio) join in at WARNING."""
    number = logging.getLevelNamesMapping()[level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            partial(_of_service, service),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _trace_ids,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(serializer=_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(stream or sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers = [_Bridge()]
    root.setLevel(logging.WARNING)
    return cast("Logger", structlog.get_logger())


def _of_service(service: str, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Also the loggers of modules say whose process they run in; one that is bound to a service keeps it."""
    event.setdefault("service", service)
    return event


def _trace_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    context = trace.get_current_span().get_span_context()
    if context.is_valid:
        event["trace_id"] = f"{context.trace_id:032x}"
        event["span_id"] = f"{context.span_id:016x}"
    return event


def _json(event: EventDict, **_options: object) -> str:
    """Whatever a field is: a line that cannot be written must not end what it tells of."""
    try:
        return orjson.dumps(event, default=str, option=orjson.OPT_NON_STR_KEYS).decode()
    except TypeError:  # a lone surrogate, a number beyond 64 bits, a key of no known type
        return json.dumps({str(name): value if isinstance(value, str) else repr(value) for name, value in event.items()})


class _Bridge(logging.Handler):
    """Standard-library records become structured ones, so that a process writes one kind of line."""

    def emit(self, record: logging.LogRecord) -> None:
        logger = cast("Logger", structlog.get_logger())
        exc_info = record.exc_info if record.exc_info and record.exc_info[0] else None
        logger.log(record.levelno, "library.log", logger=record.name, message=record.getMessage(), exc_info=exc_info)
