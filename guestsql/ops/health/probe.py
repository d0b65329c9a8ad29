"""Whether the database can be worked with: asked with a short deadline, and not more often than of use."""

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

__all__ = ["Probe", "Report"]

_MILLISECONDS = 1000


@dataclass(frozen=True, slots=True)
class Report:
    """What a probe found. Nothing in it tells of an address, a role or a guest.

    Attributes:
        is_ready: True when the database answers and has every migration of this release.
        database: "ok", "unavailable" (no connection), "timeout" or "refused" (it answers, and not to this).
        migrations: "ok", "pending" or "unknown".
        sqlstate: the server's code of what went wrong, or None.
        milliseconds: how long it took.
    """

    is_ready: bool
    database: str
    migrations: str
    sqlstate: str | None
    milliseconds: float


class _ChangeLog:
    """Logs why the database cannot be worked with, and when it can again: once for each change."""

    def __init__(self) -> None:
        self._state = "ready"
        self._begin()
        in_forked_child(self, _ChangeLog._begin)

    def _begin(self) -> None:
        self._lock = threading.Lock()

    def take(self, report: Report, why: str = "") -> Report:
        """Take in what was found, and return it."""
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
    """Asks the database, from a thread of its own, over one connection that is kept.

    In the log stands why the database cannot be worked with, and that it can again, once for each change.

    Safe to use from many threads: one question is under way at most, and its answer is everybody's.

    Args:
        settings: for the address.
        url: the database; default `settings.database_url`.
        seconds: whoever asks waits no longer, above 0.
        pause: an answer is given again for so many seconds, 0 or more: the endpoint may be open to anybody.

    Raises:
        SettingsError: `settings` is something else.
        MigrationError: the migrations cannot be read.
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
        """Be as if never asked; also in a forked child, where the thread that would answer is missing."""
        self._guard = threading.Lock()
        self._answer: Future[Report] | None = None
        self._asked = 0.0
        self._connection: DeadlineConnection | None = None

    def check(self) -> Report:
        """Return what the database says now, or said less than a pause ago.

        SQL: queries/internal/health.sql
        """
        started = monotonic()
        try:
            return self._asked_already().result(self._seconds)
        except TimeoutError:
            # Whatever hangs there (a name that is looked up, a server that has stopped) goes on hanging in its thread.
            return self._changes.take(_failed("timeout", None, started), f"no answer within {self._seconds:g} s")

    def close(self) -> None:
        """Let go of the connection; a question that is under way does so itself."""
        with self._guard:
            self._closed = True
            if self._answer is None or self._answer.done():
                self._hang_up()

    def _asked_already(self) -> Future[Report]:
        with self._guard:
            answer = self._answer
            if answer is not None and (not answer.done() or monotonic() - self._asked < self._pause):
                return answer
            asked: Future[Report] = Future()
            self._answer = asked
            threading.Thread(target=self._ask, args=(asked,), name="guestsql-health", daemon=True).start()
            return asked

    def _ask(self, answer: Future[Report]) -> None:
        try:
            answer.set_result(self._report())
        except Exception as error:  # noqa: BLE001  whoever waits is to hear of it, and not to wait for nothing
            answer.set_exception(error)
        with self._guard:
            self._asked = monotonic()
            if self._closed:
                self._hang_up()

    def _report(self) -> Report:
        started = monotonic()
        try:
            with quietly():
                missing = pending(self._migrations, self._applied())
        except DatabaseError as error:
            self._hang_up()
            return self._changes.take(_failed(_kind(error), error.sqlstate, started), str(error))
        except MigrationError as error:  # several ledgers, or one in a schema that this role may not use
            return self._changes.take(_failed("refused", error.sqlstate, started), str(error))
        except GuestSQLError as error:  # an address that does not parse
            return self._changes.take(_failed("unavailable", None, started), str(error))
        report = Report(not missing, "ok", "pending" if missing else "ok", None, _since(started))
        return self._changes.take(report, f"migrations are pending ({len(missing)}): run guestsql migrate up")

    def _applied(self) -> list[AppliedKey]:
        """What is in the ledger; a kept connection that is lost is replaced once."""
        kept = self._connection is not None
        try:
            return self._keys()
        except DatabaseError as error:
            if not kept or not error.retryable:
                raise
            self._hang_up()
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

    def _hang_up(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def _state(report: Report) -> str:
    if report.is_ready:
        return "ready"
    # A server that does not answer is away, whether the probe gave up or the connection did.
    return report.migrations if report.database == "ok" else report.database.replace("timeout", "unavailable")


def _kind(error: DatabaseError) -> str:
    if isinstance(error, QueryTimeout):
        return "timeout"
    return "unavailable" if isinstance(error, DatabaseUnavailable) else "refused"


def _failed(kind: str, sqlstate: str | None, started: float) -> Report:
    return Report(False, kind, "unknown", sqlstate, _since(started))


def _since(started: float) -> float:
    return round((monotonic() - started) * _MILLISECONDS, 1)
