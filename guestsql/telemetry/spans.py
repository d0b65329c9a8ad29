"""The spans themselves: the one module that needs OpenTelemetry's API."""

from __future__ import annotations

from time import monotonic

from opentelemetry import trace

from guestsql.errors import DatabaseError
from guestsql.telemetry.attributes import Attributes

__all__ = ["StatementSpan", "Tracing"]

# A program sets up its SDK before or after it opens the database; to ask for each statement would cost as much as to
# count it.
_LOOK_AGAIN_SECONDS = 1.0


class Tracing:
    """Makes spans as soon as the program has set a tracer provider, which it can only once."""

    def __init__(self) -> None:
        self._tracer: trace.Tracer | None = None
        self._look_at = 0.0

    def is_on(self) -> bool:
        """Return whether the spans are recorded anywhere."""
        if self._tracer is None:
            now = monotonic()
            if now < self._look_at:
                return False
            self._look_at = now + _LOOK_AGAIN_SECONDS
            provider = trace.get_tracer_provider()
            if isinstance(provider, trace.ProxyTracerProvider | trace.NoOpTracerProvider):
                return False
            self._tracer = provider.get_tracer("guestsql")
        return True

    def begin(self, statement: Attributes, server: Attributes) -> StatementSpan:
        """Begin a span below the one that is current.

        Args:
            statement: what `statement_attributes` returned.
            server: what `server_attributes` returned.
        """
        tracer = self._tracer or trace.get_tracer("guestsql")
        name = str(statement["db.query.summary"])
        attributes = {**statement, **server}
        return StatementSpan(tracer.start_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes))


class StatementSpan:
    """The span of one statement.

    Args:
        span: OpenTelemetry's.
    """

    __slots__ = ("_span",)

    def __init__(self, span: trace.Span) -> None:
        self._span = span

    def end(self, failure: BaseException | None = None) -> None:
        """End it.

        Args:
            failure: what the statement ended with.
        """
        if failure is not None:
            sqlstate = failure.sqlstate if isinstance(failure, DatabaseError) else None
            if sqlstate is not None:
                self._span.set_attribute("db.response.status_code", sqlstate)
            kind = type(failure)
            self._span.set_attribute("error.type", sqlstate or f"{kind.__module__}.{kind.__qualname__}")
            self._span.set_status(trace.StatusCode.ERROR)
        self._span.end()
