"""Locks that are not given, servers that are not there, and a COMMIT that is never answered."""

from __future__ import annotations

import contextlib
import logging
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import pytest
from psycopg.conninfo import make_conninfo

from guestsql.embedded import PrivateServer
from guestsql.errors import DatabaseUnavailable, MigrationError
from guestsql.migrate import OWN, read_migrations
from guestsql.migrate.ledger import Ledger
from guestsql.migrate.session import require_lock
from guestsql.settings import Settings
from guestsql.sql._sync.connection import connect
from tests import databases
from tests.migrating import apply_until, make_runner, session, value, write_files

pytestmark = pytest.mark.direct("migrations need a session")

FILES = {
    "0001_rooms.sql": "CREATE TABLE rooms (id int);\n",
    "0002_column.sql": "ALTER TABLE rooms ADD COLUMN name text;\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_files(tmp_path / "migrations", FILES)


@contextmanager
def at_event(code: str, action: Callable[[], object]) -> Iterator[list[logging.LogRecord]]:
    """Call an action in the midst of the runner's work: when it logs an event for the first time."""
    seen: list[logging.LogRecord] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if getattr(record, "event", "") == code:
                seen.append(record)
                if len(seen) == 1:
                    action()

    handler = Handler()
    logger = logging.getLogger("guestsql")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield seen
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


class Proxy:
    """A proxy before the server, on its own socket, that once loses a COMMIT or the answer to it.

    Args:
        server: the real one.
        folder: where the socket is made.
        lose: "request", "answer", or "" for nothing.
    """

    def __init__(self, server: PrivateServer, folder: Path, lose: str = "") -> None:
        self._target = f"{server.socket_dir}/.s.PGSQL.{server.port}"
        self._lose = lose
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(f"{folder}/.s.PGSQL.{server.port}")
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Answer from now on; before it, connections are refused."""
        self._listener.listen()
        self._run(self._accept)

    def stop(self) -> None:
        """Close the socket; the connections have been closed by their clients."""
        with contextlib.suppress(OSError):  # it never listened
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _run(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        deaf = threading.Event()
        with client, socket.socket(socket.AF_UNIX) as server:
            server.connect(self._target)
            answers = threading.Thread(target=_pump, args=(server, client, deaf))
            answers.start()
            while data := _receive(client):
                if self._lose and b"COMMIT\0" in data:
                    lost, self._lose = self._lose, ""
                    if lost == "request":
                        break
                    deaf.set()  # the server commits, and its answer goes nowhere
                server.sendall(data)
            _shut(server)
            answers.join()


def _pump(server: socket.socket, client: socket.socket, deaf: threading.Event) -> None:
    while (data := _receive(server)) and not deaf.is_set():
        with contextlib.suppress(OSError):  # the client has left
            client.sendall(data)
    _shut(client)


def _receive(end: socket.socket) -> bytes:
    try:
        return end.recv(65536)
    except OSError:
        return b""


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder whose name is short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="gs-") as name:
        yield Path(name)


@pytest.mark.parametrize("lose", ["request", "answer"])
def test_a_commit_without_answer_is_looked_up_in_the_ledger(
    server: PrivateServer, empty_database_url: str, folder: Path, short: Path, lose: str
) -> None:
    runner = make_runner(make_conninfo(empty_database_url, host=str(short)), folder)
    with Proxy(server, short, lose) as proxy, at_event("MIGRATION_WAITING", lambda: None) as waits:
        proxy.start()
        assert [found.version for found in runner.up()] == [1, 2]
    # The lost session may have to be waited for as well.
    assert "no answer to the COMMIT of 0001_rooms.sql" in waits[0].getMessage()
    assert value(empty_database_url, "SELECT array_agg(version) FROM guestsql_migrations") == [1, 2]


@pytest.mark.parametrize(("sqlstate", "severity"), [("57P02", "FATAL"), ("57P05", "FATAL"), ("53100", "PANIC")])
def test_a_failure_told_behind_a_commit_is_looked_up(
    sqlstate: str, severity: str, empty_database_url: str, folder: Path
) -> None:
    with databases.Proxy(empty_database_url) as proxy:
        proxy.lie(sqlstate, severity=severity, at=b"COMMIT\0")
        assert [found.version for found in make_runner(proxy.url, folder).up()] == [1, 2]
    assert value(empty_database_url, "SELECT array_agg(version) FROM guestsql_migrations") == [1, 2]


def test_wait_keeps_trying_while_the_server_starts(
    server: PrivateServer, empty_database_url: str, folder: Path, short: Path
) -> None:
    runner = make_runner(make_conninfo(empty_database_url, host=str(short)), folder)
    with Proxy(server, short) as proxy:
        with pytest.raises(DatabaseUnavailable):
            runner.up()
        with pytest.raises(DatabaseUnavailable):
            runner.up(wait=0.3)
        with at_event("MIGRATION_WAITING", proxy.start) as waits:
            assert len(runner.up(wait=60)) == 2
    assert "no connection yet" in waits[0].getMessage()


def test_a_lock_timeout_is_tried_again(empty_database_url: str, folder: Path) -> None:
    runner = make_runner(empty_database_url, folder, lock_timeout=1.0)
    apply_until(empty_database_url, folder, 1)
    with session(empty_database_url, autocommit=False, name="reports") as reader:
        reader.execute("SELECT id FROM rooms")
        pid = reader.info.backend_pid
        with at_event("MIGRATION_WAITING", reader.rollback) as waits:
            assert [found.version for found in runner.up()] == [2]
    assert f"server process {pid} (postgres, idle in transaction" in waits[0].getMessage()
    assert waits[0].sqlstate == "55P03"  # type: ignore[attr-defined]


def test_a_lock_that_is_never_given_names_who_holds_it(empty_database_url: str, folder: Path) -> None:
    runner = make_runner(empty_database_url, folder, lock_timeout=1.0, attempts=2)
    apply_until(empty_database_url, folder, 1)
    with session(empty_database_url, autocommit=False) as reader:
        reader.execute("SELECT id FROM rooms")
        with pytest.raises(MigrationError, match="lock timeout") as caught:
            runner.up()
        assert caught.value.sqlstate == "55P03"
        assert caught.value.hint.startswith("tried 2 times; blocked by server process")
        assert f"{reader.info.backend_pid} " in caught.value.hint
        assert (caught.value.line, caught.value.column) == (1, 1)
        # And no session queues behind a runner that has given up.
        assert value(empty_database_url, "SELECT count(*) FROM rooms") == 0


def test_a_concurrent_statement_waits_long_and_says_for_whom(
    empty_database_url: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guestsql.migrate.watch._REPORT_SECONDS", 0.1)
    text = "-- no-transaction\nCREATE INDEX CONCURRENTLY IF NOT EXISTS rooms_id ON rooms (id)"
    write_files(folder, {"0003_index.sql": text})
    runner = make_runner(empty_database_url, folder)
    apply_until(empty_database_url, folder, 2)
    with session(empty_database_url, autocommit=False) as writer:
        writer.execute("INSERT INTO rooms VALUES (1)")
        with at_event("MIGRATION_WAITING", writer.rollback) as waits:
            assert [found.version for found in runner.up()] == [3]
    assert "0003_index.sql waits for server process" in waits[0].getMessage()


def test_a_ledger_that_is_locked_is_tried_again(empty_database_url: str, folder: Path) -> None:
    runner = make_runner(empty_database_url, folder, lock_timeout=0.2)
    apply_until(empty_database_url, folder, 1)
    with session(empty_database_url, autocommit=False) as other:
        other.execute("LOCK TABLE guestsql_migrations IN EXCLUSIVE MODE")
        with at_event("MIGRATION_WAITING", other.rollback):
            assert [found.version for found in runner.up()] == [2]


def test_a_deadlock_is_tried_again(empty_database_url: str, folder: Path) -> None:
    # A sequence is the one thing that a roll back leaves: the first try fails as the victim of a deadlock does.
    text = "DO $$ BEGIN IF nextval('tries') < 3 THEN RAISE 'deadlock' USING ERRCODE = '40P01'; END IF; END $$;"
    write_files(folder, {"0003_try.sql": text})
    with session(empty_database_url) as connection:
        connection.execute("CREATE SEQUENCE tries")
    with at_event("MIGRATION_WAITING", lambda: None) as waits:
        assert len(make_runner(empty_database_url, folder).up()) == 3
    assert [record.attempt for record in waits] == [1, 2]  # type: ignore[attr-defined]


def test_a_connection_that_is_ended_in_the_middle_keeps_nothing(empty_database_url: str, folder: Path) -> None:
    text = "CREATE TABLE half (a int); SELECT pg_terminate_backend(pg_backend_pid()); SELECT 1;"
    write_files(folder, {"0003_end.sql": text})
    runner = make_runner(empty_database_url, folder)
    with pytest.raises(DatabaseUnavailable, match=r"during 0003_end\.sql, nothing of it was kept") as caught:
        runner.up()
    assert caught.value.retryable
    assert value(empty_database_url, "SELECT to_regclass('half')") is None
    write_files(folder, {"0003_end.sql": "CREATE TABLE half (a int)"})
    assert [found.version for found in runner.up()] == [3]


# Ends the other session of the runner, which holds the lock of the run, from inside a file.
END_LOCK = """
SELECT pg_terminate_backend(pid)
FROM pg_locks
WHERE locktype = 'advisory' AND classid = 1735746931 AND objid = 1953722732
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database());
"""


def test_a_run_whose_lock_is_lost_stops_before_the_next_file(empty_database_url: str, folder: Path) -> None:
    write_files(folder, {"0001_rooms.sql": FILES["0001_rooms.sql"] + END_LOCK})
    with pytest.raises(DatabaseUnavailable, match="connection that held the migration lock was lost") as caught:
        make_runner(empty_database_url, folder).up()
    assert caught.value.hint.startswith("run guestsql migrate up again")
    assert value(empty_database_url, "SELECT array_agg(version) FROM guestsql_migrations") == [1]
    assert [found.version for found in make_runner(empty_database_url, folder).up()] == [2]


def test_a_lock_session_that_holds_it_no_more_stops_the_run(empty_database_url: str) -> None:
    """As behind a transaction pooler that was not recognised."""
    with (
        contextlib.closing(connect(Settings(), empty_database_url)) as connection,
        pytest.raises(MigrationError, match="no longer held") as caught,
    ):
        require_lock(Ledger(connection))
    assert "DATABASE_UNPOOLED_URL" in caught.value.hint


def test_a_runner_waits_for_the_file_of_one_that_lost_its_lock(empty_database_url: str, folder: Path) -> None:
    """Else it would read a ledger that is about to change, and run the same file beside it."""
    apply_until(empty_database_url, folder, 1)
    with session(empty_database_url, autocommit=False) as first:
        first.execute("SELECT pg_advisory_lock(1735746931, 1953722733)")
        first.execute(FILES["0002_column.sql"])
        second = read_migrations(folder, OWN)[1]
        first.execute(
            "INSERT INTO guestsql_migrations (series, version, name, checksum, body, duration_ms) "
            "VALUES ('own', 2, %s, %s, %s, 1)",
            [second.name, second.checksum, second.body],
        )
        pid = first.info.backend_pid

        def end() -> None:
            first.commit()
            first.close()

        with at_event("MIGRATION_WAITING", end) as waits:
            assert make_runner(empty_database_url, folder).up() == []
    assert f"another runner is working: server process {pid}" in waits[0].getMessage()


def test_a_failure_is_logged_with_its_place(empty_database_url: str, folder: Path) -> None:
    write_files(folder, {"0002_column.sql": "SELECT 1;\nSELECT absent"})
    with at_event("MIGRATION_FAILED", lambda: None) as events, pytest.raises(MigrationError):
        make_runner(empty_database_url, folder).up()
    (record,) = events
    assert record.place.endswith("0002_column.sql:2:8")  # type: ignore[attr-defined]
    assert record.sqlstate == "42703"  # type: ignore[attr-defined]
