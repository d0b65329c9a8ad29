"""An outage as the log shows it: one line when connections can no longer be made, one when they can again."""

from __future__ import annotations

import logging
import threading
from time import monotonic

import psycopg

from guestsql.errors import DatabaseError, DatabaseUnavailable
from guestsql.sql.translate import translate
from guestsql.telemetry.log import event

__all__ = ["POOL_NAME", "Outage"]

POOL_NAME = "guestsql-"
"""The name of each of this package's pools begins like this."""

_POOL_LOGGER = "psycopg.pool"
# How its warnings about attempts to connect, and about connections that were lost, begin.
_REPORTED = ("error connecting in", "reconnection attempt in", "discarding ")


class Outage:
    """The outcome of a pool's attempts to connect. Safe to use from many threads.

    Args:
        server: what the log calls the server; "" for the primary.

    Attributes:
        failure: why the last attempt failed, or that the first one has no answer yet; None while connections can be
            made.
    """

    def __init__(self, server: str = "") -> None:
        self._to_server = f" to {server}" if server else ""
        self.failure: DatabaseError | None = None
        self._lock = threading.Lock()
        self._successes = 0
        self._failed_attempts = 0
        self._began_at = 0.0

    def begin(self) -> int:
        """Note that an attempt begins.

        Returns:
            What `failed` needs to know about it.
        """
        with self._lock:
            if self.failure is None:
                # A caller's time may run out before this attempt does.
                self.failure = translate(psycopg.OperationalError("the server has not answered yet"), "")
            return self._successes

    def failed(self, attempt: int, error: Exception) -> None:
        """Note that an attempt failed.

        Args:
            attempt: what `begin` returned.
            error: why.
        """
        failure = translate(error, "") if isinstance(error, psycopg.Error) else DatabaseUnavailable(repr(error))
        with self._lock:
            self.failure = failure
            # An older attempt that is late says nothing about the server as it is now.
            if attempt != self._successes:
                return
            self._failed_attempts += 1
            is_first = self._failed_attempts == 1
            if is_first:
                self._began_at = monotonic()
        if is_first:
            event(
                logging.WARNING,
                "DATABASE_UNREACHABLE",
                f"no new connection{self._to_server} can be made: {failure.message}",
                sqlstate=failure.sqlstate,
            )

    def succeeded(self) -> None:
        """Note that a connection was made."""
        with self._lock:
            self.failure = None
            self._successes += 1
            attempts, self._failed_attempts = self._failed_attempts, 0
            seconds = monotonic() - self._began_at
        if attempts:
            # A warning like the first: a reader who sees only warnings must see the end too.
            event(
                logging.WARNING,
                "DATABASE_REACHABLE",
                f"connections{self._to_server} can be made again",
                seconds=round(seconds, 1),
                attempts=attempts,
            )


def _is_reported_elsewhere(record: logging.LogRecord) -> bool:
    """Whether psycopg's pool warns about a pool or a connection of this package: `Outage` reports it, once."""
    if not str(record.msg).startswith(_REPORTED):
        return False
    about = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return about.startswith(POOL_NAME) if isinstance(about, str) else type(about).__module__.startswith("guestsql.")


logging.getLogger(_POOL_LOGGER).addFilter(lambda record: not _is_reported_elsewhere(record))
