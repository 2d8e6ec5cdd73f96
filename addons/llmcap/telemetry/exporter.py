"""
The thread that tells of calls over OTLP, with OpenTelemetry's own packages (extra `otel`).

`tell` puts a call into a bounded queue and returns: where the receiver is slow or gone, calls go
untold, and nothing else happens. It asks the receiver directly, past every proxy: `HTTPS_PROXY` may
well be this one.
"""

import contextlib
import importlib.util
import logging
import queue
import threading
from datetime import datetime
from typing import Any

from llmcap.ledger.rows import micros
from llmcap.telemetry import conventions
from llmcap.telemetry.conventions import Done
from llmcap.words.errors import ConfigError
from llmcap.words.rules import TelemetryRule
from llmcap.words.told import Log
from llmcap.words.version import version

QUEUE_MAX = 10_000
METRICS_SECONDS = 10
TIMEOUT_SECONDS = 5
GRACE_SECONDS = 3

logger = Log(__name__)


class _OneWarning(logging.Handler):
    """The SDK warns of each try; whoever runs a command behind the proxy is told once."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._told = False

    def emit(self, record: logging.LogRecord) -> None:
        """The first of them."""
        if not self._told:
            self._told = True
            logger.warning("LLMCap: telemetry does not arrive: %s", record.getMessage())


class Telemetry:
    """Tells one receiver. Raises `ConfigError` where the packages are not installed."""

    def __init__(self, rule: TelemetryRule) -> None:
        if importlib.util.find_spec("opentelemetry") is None:
            raise ConfigError(
                "telemetry needs the packages of OpenTelemetry, which are not installed\n"
                "hint: pip install 'llmcap-mitmproxy[otel]'"
            )
        self._queue: queue.Queue[Done | None] = queue.Queue(QUEUE_MAX)
        self._closing = threading.Event()
        self._teller = _Teller(rule)  # here, so that no call is there yet to wait for its imports
        self._thread = threading.Thread(target=self._run, name="llmcap-telemetry", daemon=True)
        self._thread.start()

    def tell(self, done: Done) -> None:
        """Of one call. Never waits."""
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(done)

    def close(self) -> None:
        """Tell what is still queued, as far as that can be done in a moment."""
        self._closing.set()
        with contextlib.suppress(queue.Full):  # then the thread is not waiting for anything
            self._queue.put_nowait(None)
        self._thread.join(GRACE_SECONDS)

    def _run(self) -> None:
        while (done := self._queue.get()) is not None:
            try:
                self._teller.tell(done)
            except Exception:  # the next call is told of all the same
                logger.exception("LLMCap: a call could not be told to the telemetry")
            if self._closing.is_set() and self._queue.empty():
                break
        self._teller.close()


class _Teller:
    """The SDK, set up: a provider of spans and one of metrics."""

    def __init__(self, rule: TelemetryRule) -> None:
        # They take a quarter of a second, which nobody has who does not use them.
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import (  # noqa: PLC0415
            OTLPMetricExporter,
        )
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.sdk.metrics import MeterProvider  # noqa: PLC0415
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415

        theirs = logging.getLogger("opentelemetry")
        theirs.handlers, theirs.propagate = [_OneWarning()], False
        how: dict[str, Any] = {"headers": dict(rule.headers), "timeout": TIMEOUT_SECONDS}
        resource = Resource.create({"service.name": "llmcap", "service.version": version()})
        base = rule.url.rstrip("/")
        spans = OTLPSpanExporter(f"{base}/v1/traces", session=_direct(), **how)
        metrics = OTLPMetricExporter(f"{base}/v1/metrics", session=_direct(), **how)
        reader = PeriodicExportingMetricReader(
            metrics, export_interval_millis=METRICS_SECONDS * 1_000,
            export_timeout_millis=TIMEOUT_SECONDS * 1_000,
        )  # fmt: skip
        self._cost = rule.cost
        self._spans = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._spans.add_span_processor(BatchSpanProcessor(spans))
        self._metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        self._tracer = self._spans.get_tracer("llmcap", version())
        meter = self._metrics.get_meter("llmcap", version())
        self._tokens = meter.create_histogram(
            conventions.TOKEN_USAGE, "{token}", "Number of input and output tokens used.",
            explicit_bucket_boundaries_advisory=conventions.TOKEN_BUCKETS,
        )  # fmt: skip
        self._duration = meter.create_histogram(
            conventions.DURATION, "s", "GenAI operation duration.",
            explicit_bucket_boundaries_advisory=conventions.SECOND_BUCKETS,
        )  # fmt: skip

    def tell(self, done: Done) -> None:
        """A span of the call's time, in the trace of its caller where it named one."""
        from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

        name, attributes = conventions.of_span(done, cost=self._cost)
        span = self._tracer.start_span(
            name, context=_context(done.call.trace), kind=SpanKind.CLIENT, attributes=attributes,
            start_time=_nanos(done.call.at),
        )  # fmt: skip
        if done.error:
            span.set_status(Status(StatusCode.ERROR, done.error))
        span.end(_nanos(done.ended_at))
        common = conventions.common(done)
        seconds = (done.ended_at - done.call.at).total_seconds()
        self._duration.record(max(seconds, 0), common)
        for kind, count in conventions.tokens_of(done).items():
            self._tokens.record(count, {**common, "gen_ai.token.type": kind})

    def close(self) -> None:
        """Send what is there."""
        self._spans.shutdown()
        self._metrics.shutdown(timeout_millis=GRACE_SECONDS * 1_000)


def _context(traceparent: str) -> Any:
    """Where the span belongs, by https://www.w3.org/TR/trace-context/; a wrong one is none."""
    from opentelemetry.trace.propagation import tracecontext  # noqa: PLC0415

    carrier = {"traceparent": traceparent} if traceparent else {}
    return tracecontext.TraceContextTextMapPropagator().extract(carrier)


def _direct() -> Any:
    import requests  # noqa: PLC0415 - comes with the exporter

    session = requests.Session()
    session.trust_env = False
    return session


def _nanos(at: datetime) -> int:
    return micros(at) * 1_000
