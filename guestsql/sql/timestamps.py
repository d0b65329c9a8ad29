"""Timestamps for which Python has no value: infinity, years before 1 and after 9999."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
from psycopg.adapt import AdaptersMap, Buffer
from psycopg.types.datetime import TimestampLoader, TimestamptzLoader

__all__ = ["load_timestamps"]


def load_timestamps(adapters: AdaptersMap, otherwise: Callable[[bytes], object]) -> None:
    """Have timestamps read, with and without zone, whatever they are; psycopg alone would fail on those.

    Args:
        adapters: a connection's.
        otherwise: makes a value of the server's text for a timestamp that is no `datetime`.
    """

    class Timestamp(TimestampLoader):
        def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
            try:
                return super().load(data)
            except psycopg.DataError:
                return otherwise(bytes(data))

    class Timestamptz(TimestamptzLoader):
        def load(self, data: Buffer) -> Any:  # noqa: ANN401  psycopg's own
            try:
                return super().load(data)
            except psycopg.DataError:
                return otherwise(bytes(data))

    adapters.register_loader("timestamp", Timestamp)
    adapters.register_loader("timestamptz", Timestamptz)
