"""OpenTelemetry traces: one a turn, its stages as spans, sent in batches to the endpoint that the settings name."""

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager, nullcontext
from typing import TYPE_CHECKING

from bot import __version__

if TYPE_CHECKING:  # Imported only where an endpoint is set: it brings protobuf and requests along.
    from opentelemetry.trace import Span, Tracer

Attributes = Mapping[str, str | int | float | bool]

_tracer: "Tracer | None" = None

_UNTRACED = nullcontext()
"""It holds nothing, so one does for every span that is not made."""

_EXPORT_SECONDS = 5.0
"""For one batch with its retries; what a collector did not take by then is dropped."""

_FLUSH_SECONDS = 0.5
"""For what is left when the server stops; a collector that is away must not hold the stop up."""


@asynccontextmanager
async def tracing(endpoint: str | None) -> AsyncIterator[None]:
    """Send a trace of every turn to ``endpoint``, an OTLP/HTTP collector, inside the block; None sends nothing."""
    global _tracer
    if endpoint is None:
        yield
        return
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    url = endpoint.rstrip("/")
    exporter = OTLPSpanExporter(
        endpoint=url if url.endswith("/v1/traces") else f"{url}/v1/traces", timeout=_EXPORT_SECONDS
    )
    provider = TracerProvider(
        resource=Resource.create({"service.name": "kefu", "service.version": __version__}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(exporter))
    _tracer = provider.get_tracer("kefu", __version__)
    try:
        yield
    finally:
        _tracer = None
        # It sends what is left first, and its own time-outs are longer than a stop may be.
        closing = threading.Thread(target=provider.shutdown, name="kefu-tracing", daemon=True)
        closing.start()
        await asyncio.to_thread(closing.join, _FLUSH_SECONDS)
        exporter.shutdown()  # type: ignore[no-untyped-call]


def span(name: str, attributes: Attributes | None = None) -> AbstractContextManager["Span | None"]:
    """A span around the block, inside the one that is open in this task; None where nothing is traced."""
    return _UNTRACED if _tracer is None else _span(_tracer, name, attributes)


@contextmanager
def _span(tracer: "Tracer", name: str, attributes: Attributes | None) -> Iterator["Span"]:
    from opentelemetry.trace import Status, StatusCode

    # The library would record the error's words and traceback, which may quote the shopper.
    opened = tracer.start_as_current_span(
        name, attributes=attributes, record_exception=False, set_status_on_exception=False
    )
    with opened as current:
        try:
            yield current
        except BaseException as exc:
            current.set_status(Status(StatusCode.ERROR, type(exc).__name__))
            raise
