"""An OTLP receiver that is nobody's but the protocol's: generated messages, over gRPC or HTTP."""

from __future__ import annotations

import gzip
import threading
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as messages
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as services

Protocol = Literal["grpc", "http/protobuf"]
PROTOCOLS: tuple[Protocol, ...] = ("grpc", "http/protobuf")


@dataclass(frozen=True, kw_only=True)
class Received:
    """A span as it came. Ids are lower-case hex, times nanoseconds."""

    name: str
    trace: str
    id: str
    parent: str
    start: int
    end: int
    attributes: dict[str, Any]
    error: str
    resource: dict[str, Any]


@dataclass
class Collector:
    """Takes spans, unless it is `refusing`. A span that comes twice must be the same both times."""

    protocol: Protocol
    port: int = 0
    refusing: bool = False
    requests: int = 0
    received: int = 0
    spans: dict[str, Received] = field(default_factory=dict[str, Received])
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def environment(self) -> dict[str, str]:
        """What a process needs to find it."""
        return {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{self.port}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": self.protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "2",
        }

    def take(self, request: Any) -> bool:
        with self._lock:
            self.requests += 1
            if self.refusing:
                return False
            for of_resource in request.resource_spans:
                resource = _attributes(of_resource.resource.attributes)
                for of_scope in of_resource.scope_spans:
                    for span in of_scope.spans:
                        self._keep(_read(span, resource))
            return True

    def _keep(self, span: Received) -> None:
        self.received += 1
        first = self.spans.setdefault(span.id, span)
        assert replace(first, resource={}) == replace(span, resource={})

    def check_nested(self) -> None:
        """Every span but the first lies within one that came too, in the same trace."""
        roots = [span for span in self.spans.values() if span.parent not in self.spans]
        assert [root.name for root in roots] == ["invoke_workflow task"]
        for span in self.spans.values():
            if span.parent in self.spans and span.name != "learn":
                above = self.spans[span.parent]
                assert above.trace == span.trace
                assert above.start <= span.start <= span.end <= above.end, (span.name, above.name)

    def names(self) -> list[str]:
        return sorted(span.name for span in self.spans.values())


@contextmanager
def collecting(protocol: Protocol, *, port: int = 0) -> Generator[Collector]:
    collector = Collector(protocol)
    opened = _grpc_server(collector, port) if protocol == "grpc" else _http_server(collector, port)
    with opened as collector.port:
        yield collector


@contextmanager
def _grpc_server(collector: Collector, port: int) -> Generator[int]:
    class Servicer(services.TraceServiceServicer):
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
            if not collector.take(request):
                context.abort(cast(Any, grpc).StatusCode.INVALID_ARGUMENT, "refused")
            return messages.ExportTraceServiceResponse()

    server = cast(Any, grpc).server(ThreadPoolExecutor(max_workers=2))
    cast(Any, services).add_TraceServiceServicer_to_server(Servicer(), server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    try:
        yield bound
    finally:
        server.stop(None).wait()


@contextmanager
def _http_server(collector: Collector, port: int) -> Generator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            taken = self.path == "/v1/traces" and collector.take(
                messages.ExportTraceServiceRequest.FromString(body)
            )
            self.send_response(200 if taken else 400)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _read(span: Any, resource: dict[str, Any]) -> Received:
    return Received(
        name=span.name,
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        start=span.start_time_unix_nano,
        end=span.end_time_unix_nano,
        attributes=_attributes(span.attributes),
        error=span.status.message,
        resource=resource,
    )


def _attributes(found: Any) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in found}
