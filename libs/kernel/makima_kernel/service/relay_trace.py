"""A span and a log line for each event that the relay has published."""

from collections.abc import Callable

import structlog
from makima_schemas.envelope import Recorded
from opentelemetry.trace import SpanKind

from makima_kernel.service.settings import Settings
from makima_kernel.telemetry import traces

_logger = structlog.get_logger()


def on_published(settings: Settings) -> Callable[[Recorded], None]:
    """What the relay calls for each event. Tracing halves the relay's speed: nothing without an exporter or
    debug logs.
    """
    return _trace if traces.exporting() or settings.log_level == "debug" else _ignore


def _trace(event: Recorded) -> None:
    with traces.span(
        f"relay {event.category}.{event.type}",
        parent=event.meta.get("traceparent"),
        kind=SpanKind.PRODUCER,
        position=event.position,
    ):
        _logger.debug("relay.published", position=event.position, stream=event.stream, type=event.type)


def _ignore(_event: Recorded) -> None:
    pass
