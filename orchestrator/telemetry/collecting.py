"""What the OpenTelemetry SDK calls back while spans are made. Importing this imports the SDK."""

from __future__ import annotations

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, Span, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator


class GivenIds(IdGenerator):
    """Gives the ids it was given."""

    def __init__(self) -> None:
        self._trace = self._span = 0

    def give(self, *, trace: int, span: int) -> None:
        self._trace, self._span = trace, span

    def generate_trace_id(self) -> int:
        return self._trace

    def generate_span_id(self) -> int:
        return self._span

    def is_trace_id_random(self) -> bool:
        """Those of tasks are time-ordered."""
        return False


class Collecting(SpanProcessor):
    """Keeps the span that ended last."""

    last: ReadableSpan

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:
        """Nothing is told of what has only begun."""

    def on_end(self, span: ReadableSpan) -> None:
        self.last = span
