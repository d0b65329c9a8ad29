"""Checks whether the database is usable, with a short deadline and at a limited rate."""

from __future__ import annotations

import logging
import threading
from concurrent.futures import Future
from dataclasses import dataclass, replace
from time import monotonic

import psycopg

from guestsql.errors import DatabaseError, DatabaseUnavailable, GuestSQLError, MigrationError, QueryTimeout
from guestsql.migrate import configured_migrations
from guestsql.migrate.compare import pending
from guestsql.migrate.ledger import AppliedKey, Ledger
from guestsql.process import in_forked_child
from guestsql.settings import Settings, checked_settings
from guestsql.sql._sync.connection import DeadlineConnection, connect
from guestsql.sql.translate import translate
from guestsql.telemetry.log import event, quietly

__all__ = ["HealthReport", "Probe"]

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What a probe found. It contains no address, role or guest.

    Attributes:
        is_ready: whether the database answers and every migration is applied.
        database: "ok", "unavailable" (no connection), "timeout" or "refused" (the server rejected the query).
        migrations: "ok", "pending" or "unknown".
        sqlstate: the SQLSTATE of the error, or None.
        milliseconds: how long the check took.
    """

    is_ready: bool
    database: str
    migrations: str
    sqlstate: str | None
    milliseconds: float


class _ChangeLog:
    """Logs when and why the database becomes unusable, and when it is usable again."""

    def __init__(self) -> None:
        self._state = "ready"
        self._begin()
        in_forked_child(self, _ChangeLog._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def take(self, report: HealthReport, why: str = "") -> HealthReport:
        """Log a change since the last report, and return the report."""
        state = _state(report)
        with self._lock:
            before, self._state = self._state, state
        if state != before:
            if report.is_ready:
                event(logging.INFO, "HEALTH_READY", "ready again")
            else:
                event(logging.WARNING, "HEALTH_UNREADY", f"not ready: {why}")
        return report


class Probe:
    """Checks the database in its own thread, over one connection that stays open.

    It logs each change: why the database is unusable, and that it is usable again.

    Thread-safe: at most one check runs at a time, and all callers share its result.

    Args:
        settings: the settings, for the address and the migrations.
        url: the database's address; default `settings.database_url`.
        seconds: the longest time that a caller waits, above 0.
        pause: for how many seconds a report is reused, 0 or more: anyone may call the endpoint.

    Raises:
        SettingsError: `settings` is something else.
        MigrationError: the migrations are not readable.
    """

    def __init__(self, settings: Settings, url: str | None = None, *, seconds: float = 2.0, pause: float = 1.0) -> None:
        settings = checked_settings(settings)
        self._url = settings.database_url if url is None else url
        self._settings = replace(settings, deadline_seconds=seconds)
        self._seconds = seconds
        self._pause = pause
        self._migrations = configured_migrations(settings)
        self._closed = False
        self._changes = _ChangeLog()
        self._begin()
        in_forked_child(self, Probe._begin)

    def _begin(self) -> None:
        """Reset the state, also in a forked child, which does not have the thread of a running check."""
        self._guard = threading.Lock()
        self._answer: Future[HealthReport] | None = None
        self._checked_at = 0.0
        self._connection: DeadlineConnection | None = None

    def check(self) -> HealthReport:
        """Check the database, or return the report of a check less than a pause ago.

        SQL: queries/internal/health.sql
        """
        started = monotonic()
        try:
            return self._running_check().result(self._seconds)
        except TimeoutError:
            # What blocks (a DNS lookup, a stopped server) keeps blocking its own thread only.
            return self._changes.take(_failed("timeout", None, started), f"no answer within {self._seconds:g} s")

    def close(self) -> None:
        """Close the connection. A running check closes it itself."""
        with self._guard:
            self._closed = True
            if self._answer is None or self._answer.done():
                self._disconnect()

    def _running_check(self) -> Future[HealthReport]:
        with self._guard:
            answer = self._answer
            if answer is not None and (not answer.done() or monotonic() - self._checked_at < self._pause):
                return answer
            asked: Future[HealthReport] = Future()
            self._answer = asked
            threading.Thread(target=self._run, args=(asked,), name="guestsql-health", daemon=True).start()
            return asked

    def _run(self, answer: Future[HealthReport]) -> None:
        try:
            answer.set_result(self._report())
        except Exception as error:  # noqa: BLE001  the callers must get it, or they would wait in vain
            answer.set_exception(error)
        with self._guard:
            self._checked_at = monotonic()
            if self._closed:
                self._disconnect()

    def _report(self) -> HealthReport:
        started = monotonic()
        try:
            with quietly():
                missing = pending(self._migrations, self._applied())
        except DatabaseError as error:
            self._disconnect()
            return self._changes.take(_failed(_kind(error), error.sqlstate, started), str(error))
        except MigrationError as error:  # several ledgers, or a schema that this role may not use
            return self._changes.take(_failed("refused", error.sqlstate, started), str(error))
        except GuestSQLError as error:  # an invalid address
            return self._changes.take(_failed("unavailable", None, started), str(error))
        report = HealthReport(not missing, "ok", "pending" if missing else "ok", None, _since(started))
        return self._changes.take(report, f"migrations are pending ({len(missing)}): run guestsql migrate up")

    def _applied(self) -> list[AppliedKey]:
        """Read the ledger. A lost connection is replaced once."""
        kept = self._connection is not None
        try:
            return self._keys()
        except DatabaseError as error:
            if not kept or not error.retryable:
                raise
            self._disconnect()
        return self._keys()

    def _keys(self) -> list[AppliedKey]:
        connection = self._connection
        if connection is None:
            connection = self._connection = connect(self._settings, self._url or "")
        connection.deadline = monotonic() + self._seconds
        try:
            return Ledger(connection).keys(self._migrations)
        except psycopg.Error as error:
            raise translate(error, "list_applied_versions") from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _state(report: HealthReport) -> str:
    if report.is_ready:
        return "ready"
    # No answer is the same to the log, whether the probe or the connection timed out.
    return report.migrations if report.database == "ok" else report.database.replace("timeout", "unavailable")


def _kind(error: DatabaseError) -> str:
    if isinstance(error, QueryTimeout):
        return "timeout"
    return "unavailable" if isinstance(error, DatabaseUnavailable) else "refused"


def _failed(kind: str, sqlstate: str | None, started: float) -> HealthReport:
    return HealthReport(False, kind, "unknown", sqlstate, _since(started))


def _since(started: float) -> float:
    return round((monotonic() - started) * _MILLISECONDS, 1)
