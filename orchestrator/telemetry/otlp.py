"""Spans to a collector, over OTLP, by the OpenTelemetry SDK and its own settings (`OTEL_*`).

Importing this imports nothing of OpenTelemetry: that is done when a sink is opened.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING
from uuid import UUID

from core.errors import ConfigurationError
from core.tracing import TraceContext, trace_of
from orchestrator.telemetry import conventions as c
from orchestrator.telemetry.span import Span

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger(__name__)

BATCH, BATCH_WITH_CONTENT = 512, 32
"""Spans of one request; a request must stay well below the 4 MB that gRPC servers take."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


def is_wanted() -> bool:
    """Whether the environment names a collector for traces."""
    if os.environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return False
    if os.environ.get("OTEL_TRACES_EXPORTER", "otlp") != "otlp":
        return False
    return any(os.environ.get(name) for name in _ENDPOINTS)


def open_sink(*, content: bool) -> OtlpSink:
    """Blocking: imports OpenTelemetry. Spans with `content` are large.

    Raises:
        ConfigurationError: the environment asks for what there is not.
    """
    return OtlpSink(_exporter(), batch=BATCH_WITH_CONTENT if content else BATCH)


class OtlpSink:
    """`exporter.Sink` over an exporter of the SDK. For one thread at a time."""

    def __init__(self, exporter: SpanExporter, *, batch: int) -> None:
        from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
        from opentelemetry.sdk.trace import SynchronousMultiSpanProcessor, TracerProvider

        from orchestrator.telemetry.collecting import Collecting, GivenIds

        self._exporter = exporter
        self._batch = batch
        self._ids = GivenIds()
        self._ended = Collecting()
        processors = SynchronousMultiSpanProcessor()
        processors.add_span_processor(self._ended)
        release = version("treehold-platform")
        named = {SERVICE_VERSION: release}
        if not os.environ.get("OTEL_SERVICE_NAME"):
            named[SERVICE_NAME] = "treehold"
        self._provider = TracerProvider(
            resource=Resource.create(named),
            id_generator=self._ids,
            active_span_processor=processors,
            shutdown_on_exit=False,
        )
        self._tracer = self._provider.get_tracer(c.SCOPE, release, schema_url=c.SCHEMA_URL)

    def wants(self, task: UUID, caller: TraceContext | None) -> bool:
        """By the caller's word, or by the SDK's sampler (`OTEL_TRACES_SAMPLER`)."""
        trace = int(trace_of(task, caller), 16)
        parent = (
            None
            if caller is None
            else _context(caller.trace, caller.span, sampled=caller.sampled, remote=True)
        )
        sampled = self._provider.sampler.should_sample(parent, trace, "invoke_workflow task")
        return sampled.decision.is_sampled()

    def export(self, spans: Sequence[Span]) -> bool:
        from opentelemetry.sdk.trace.export import SpanExportResult

        ready = [self._made(span) for span in spans]
        for first in range(0, len(ready), self._batch):
            try:
                result = self._exporter.export(ready[first : first + self._batch])
            except Exception:
                log.exception("traces.export_failed")
                return False
            if result is not SpanExportResult.SUCCESS:
                return False
        return True

    def close(self) -> None:
        self._exporter.shutdown()

    def _made(self, span: Span) -> ReadableSpan:
        """By the SDK's own tracer, so that its limits hold."""
        from opentelemetry.trace import SpanKind, Status, StatusCode

        self._ids.give(trace=int(span.trace, 16), span=int(span.id, 16))
        made = self._tracer.start_span(
            span.name,
            context=None
            if span.parent is None
            else _context(span.trace, span.parent, sampled=True, remote=span.called),
            kind=SpanKind.CLIENT if span.remote else SpanKind.INTERNAL,
            attributes=span.attributes,
            start_time=_nanoseconds(span.start),
        )
        for moment in span.moments:
            made.add_event(moment.name, moment.attributes, timestamp=_nanoseconds(moment.at))
        if span.error is not None:
            made.set_status(Status(StatusCode.ERROR, span.error))
        made.end(end_time=_nanoseconds(span.end))
        return self._ended.last


def _exporter() -> SpanExporter:
    protocol = next((os.environ[name] for name in _PROTOCOLS if os.environ.get(name)), "grpc")
    match protocol:
        case "grpc":
            from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter

            return OTLPSpanExporter()
        case "http/protobuf":
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import (
                OTLPSpanExporter as HttpSpanExporter,
            )

            return HttpSpanExporter()
        case _:
            raise ConfigurationError(
                f"OTEL_EXPORTER_OTLP_PROTOCOL is {protocol!r}: use grpc or http/protobuf"
            )


def _context(trace: str, span: str, *, sampled: bool, remote: bool) -> Context:
    from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    parent = SpanContext(int(trace, 16), int(span, 16), is_remote=remote, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(parent))


def _nanoseconds(at: datetime) -> int:
    return int(at.timestamp() * 1_000_000) * 1000
