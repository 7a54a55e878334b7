"""The daemon's log events: one JSON line each, a stable name and fields, on stderr and in a file of bounded size."""

import json
import logging
from datetime import UTC, datetime
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Final, cast

import orjson

MAX_FILE_BYTES: Final = 4 << 20
MAX_VALUE_CHARACTERS: Final = 500

_logger: Final = logging.getLogger("makima_daemon")
_FIELDS: Final = "makima_fields"
BEFORE: Final = ".1"  # added to the name of what came before, by `RotatingFileHandler`


def note(event: str, **fields: object) -> None:
    """Log an event, for example `agent.started`."""
    _logger.info(event, extra={_FIELDS: fields})


def warn(event: str, **fields: object) -> None:
    _logger.warning(event, extra={_FIELDS: fields})


def failed(event: str, **fields: object) -> None:
    """Log an event with the exception that is being handled."""
    _logger.error(event, extra={_FIELDS: fields}, exc_info=True)  # noqa: LOG014 - called where it is handled


def configure(path: Path, *, file_bytes: int = MAX_FILE_BYTES) -> None:
    """Write the events to stderr and to `path`, which is renamed to `path.1` above `file_bytes`. Warnings of
    libraries come along.
    """
    handlers: list[logging.Handler] = [
        logging.StreamHandler(),
        RotatingFileHandler(path, maxBytes=file_bytes, backupCount=1, encoding="utf-8", delay=True),
    ]
    root = logging.getLogger()
    root.handlers = handlers
    root.setLevel(logging.WARNING)
    _logger.setLevel(logging.INFO)
    for handler in handlers:
        handler.setFormatter(JsonLines())


class JsonLines(logging.Formatter):
    """One JSON object a line, with the members of the services' logs."""

    def format(self, record: logging.LogRecord) -> str:
        own = getattr(record, _FIELDS, None)
        library = {"logger": record.name, "message": record.getMessage()}
        members = library if own is None else cast("dict[str, object]", own)
        event = {name: _short(value) for name, value in members.items()}
        event["event"] = record.getMessage() if own is not None else "library.log"
        event |= {"service": "daemon", "level": record.levelname.lower()}
        event["timestamp"] = datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z")
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)[-8000:]
        try:
            return orjson.dumps(event, default=str).decode()
        except TypeError:  # a lone surrogate, or an integer beyond 64 bits
            return json.dumps({name: repr(value) for name, value in event.items()})


def _short(value: object) -> object:
    text = value if isinstance(value, str) else None
    return f"{text[:MAX_VALUE_CHARACTERS]}…" if text and len(text) > MAX_VALUE_CHARACTERS else value
