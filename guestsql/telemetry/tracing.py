"""OpenTelemetry: a span for each statement, when the API is installed and the program has an SDK; nothing otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from guestsql.telemetry.spans import Tracing

__all__ = ["make_tracing"]


def make_tracing() -> Tracing | None:
    """Return what makes spans, or None when the API is not installed."""
    try:
        from guestsql.telemetry.spans import Tracing  # noqa: PLC0415  the extra `otel` may not be installed
    except ImportError:
        return None
    return Tracing()
