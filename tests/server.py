"""The test server: where it is made, and how a database gets the schema."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NoReturn, Self

import psycopg
from psycopg import sql
from psycopg.rows import TupleRow

from guestsql.embedded import PrivateServer
from guestsql.embedded._account import server_account
from guestsql.embedded._places import temporary_base
from guestsql.embedded._postmaster import end_now, find_postmaster

MIGRATIONS = Path(__file__).parent.parent / "migrations"
_ROOM_BYTES = 3 * 1024**3


def pg_bin() -> Path | None:
    """The programs under test: GUESTSQL_PG_BIN, else those of the extra `embedded`."""
    value = os.environ.get("GUESTSQL_PG_BIN")
    return Path(value) if value else None


def fast_folder() -> str | None:
    """The folder of memory files when it has room for the databases of a run, else None: temporary files.

    Cloning a database writes 8 MB; where the disk is throttled, tests that commit would wait for it.
    """
    memory = Path("/dev/shm")
    if not memory.is_dir() or not os.access(memory, os.W_OK | os.X_OK):
        return None
    return str(memory) if shutil.disk_usage(memory).free > _ROOM_BYTES else None


@contextmanager
def reachable_folder() -> Iterator[Path]:
    """A folder that a server's account can reach, unlike `tmp_path` of root; servers in it are ended."""
    account = server_account(Path("/nonexistent"))
    base = fast_folder() or temporary_base(account)
    folder = Path(tempfile.mkdtemp(prefix="guestsql-test-", dir=base))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        for data in folder.rglob("data"):
            if (postmaster := find_postmaster(data)) is not None:
                end_now(postmaster)
        shutil.rmtree(folder)


@contextmanager
def private_server(**options: object) -> Iterator[PrivateServer]:
    """A started server in a new folder, gone at the end."""
    directory = Path(tempfile.mkdtemp(prefix="guestsql-test-", dir=fast_folder()))
    try:
        with PrivateServer(directory, pg_bin(), **options) as server:  # type: ignore[arg-type]
            yield server
    finally:
        shutil.rmtree(directory, ignore_errors=True)  # still there when its account could not reach it


def apply_migrations(url: str) -> None:
    """Run every file of migrations/ in order, as psql would: no runner, so that it is not what is tested."""
    with psycopg.connect(url, autocommit=True) as connection:
        for path in sorted(MIGRATIONS.glob("*.sql")):
            text = path.read_text(encoding="utf-8")
            if text.startswith("-- no-transaction"):
                connection.execute(text.encode())
            else:
                with connection.transaction():
                    connection.execute(text.encode())


def drop_database(server: PrivateServer, dbname: str) -> None:
    """Drop a database, ending the sessions that a test left in it."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        drop_database_by(connection, dbname)


def drop_database_by(connection: psycopg.Connection[TupleRow], dbname: str) -> None:
    """Drop a database by a connection to another one.

    A session that a test has just closed is still ending. DROP DATABASE would sleep 100 ms before it looks again.
    """
    ending = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
    eventually(lambda: connection.execute(ending, [dbname]).rowcount == 0, every=0.001)
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(dbname)))


class Worker:
    """A process of embedded_worker.py; killed at the end of the `with` block unless it has left."""

    def __init__(self, *arguments: object) -> None:
        tests = Path(__file__).parent
        path = os.pathsep.join([str(tests.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        self.process = subprocess.Popen(
            [sys.executable, str(tests / "embedded_worker.py"), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": path},
        )

    def answer(self) -> str:
        """The line that the worker prints when its server answers."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline().strip()
        assert line, "the worker failed: see its stderr"
        return line

    def leave(self, how: str = "release") -> None:
        """Let the worker leave, and wait for its end; `exit` leaves without a release."""
        self.process.communicate(how + "\n", timeout=60)
        assert self.process.returncode == 0

    def kill(self) -> None:
        """Kill the worker with SIGKILL."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()


def eventually(condition: Callable[[], object], seconds: float = 30.0, every: float = 0.01) -> None:
    """Wait until the condition holds; fails when it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "never came true"
        time.sleep(every)


def run_command(main: Callable[[], int]) -> NoReturn:
    """Run a command's main function; on SIGTERM and Ctrl-C its servers and processes end with it."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
