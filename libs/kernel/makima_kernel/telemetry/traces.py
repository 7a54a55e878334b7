"""Tracing: one trace from the request through command, event and consumer.

Each hop sends on the W3C `traceparent`, and the event's metadata stores it.
"""

import os
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_PROPAGATOR: Final = TraceContextTextMapPropagator()
HEADER: Final = "traceparent"


def configure(service: str) -> TracerProvider:
    """Sets up tracing. Trace ids are always made; spans are exported only if `exporting()`."""
    provider = TracerProvider(
        resource=Resource.create({"service.name": f"makima-{service.replace('_', '-')}"})
    )
    if exporting():
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - takes 0.25 s, rarely needed

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(), schedule_delay_millis=500))
    trace.set_tracer_provider(provider)
    return provider


def exporting() -> bool:
    """True if `OTEL_EXPORTER_OTLP_ENDPOINT` (or `…_TRACES_ENDPOINT`) says where to send spans.

    If not, code that handles events in bulk (the relay) creates no spans.
    """
    return bool(
        os.environ.get("OTEL_EXPORTER_OTLP_ENDPOINT") or os.environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
    )


@contextmanager
def span(
    name: str,
    *,
    parent: str | None = None,
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int | bool,
) -> Generator[Span]:
    """Starts a span and makes it the current one.

    Its parent is `parent` (a traceparent), else the current span; without either it begins a new trace.
    """
    context = _PROPAGATOR.extract({HEADER: parent}) if parent else None
    with trace.get_tracer("makima").start_as_current_span(
        name, context=context, kind=kind, attributes=attributes
    ) as current:
        yield current


def traceparent() -> str | None:
    """The current span as a W3C traceparent, to send with a message or to store; None outside any span."""
    carrier: dict[str, str] = {}
    _PROPAGATOR.inject(carrier)
    return carrier.get(HEADER)


def trace_id() -> str | None:
    """The current trace's id as 32 hex digits, for problem responses; None outside any span."""
    context = trace.get_current_span().get_span_context()
    return f"{context.trace_id:032x}" if context.is_valid else None
