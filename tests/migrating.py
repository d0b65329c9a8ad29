"""What the tests of the migration runner share: folders of files, runners in this process and in others."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from guestsql.migrate import OWN, PACKAGED, RetryPolicy, Runner, Series
from guestsql.settings import Settings
from tests.through_pooler import direct

_RUN = """
import json, logging, sys
from pathlib import Path
from guestsql.migrate import Runner, Series
from guestsql.settings import Settings

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
series = [Series(name, Path(folder)) for name, folder in json.loads(sys.argv[2])]
applied = Runner(Settings(), sys.argv[1], series).up()
print(json.dumps([migration.version for migration in applied]))
"""

# As release 0.1.0 created it.
_OLD_LEDGER = """
CREATE TEMP TABLE newer AS TABLE guestsql_migrations;
DROP TABLE guestsql_migrations;
CREATE TABLE guestsql_migrations (
    version integer PRIMARY KEY CHECK (version > 0),
    name text NOT NULL,
    checksum text NOT NULL,
    body text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT statement_timestamp(),
    duration_ms float8 NOT NULL,
    applied_by text NOT NULL DEFAULT session_user,
    is_baseline boolean NOT NULL DEFAULT FALSE
);
INSERT INTO guestsql_migrations
SELECT version, name, checksum, body, applied_at, duration_ms FROM newer WHERE version > 0 AND series = 'guestsql';
"""


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write migration files, their line ends as given; the folder is made."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


def make_runner(url: str, folder: Path, packaged: Path | None = None, **retry: float) -> Runner:
    """A runner of one own series, or of two series, that retries quickly."""
    known = {"first_pause": 0.01, "longest_pause": 0.05, **retry}
    return Runner(Settings(), direct(url), _series(folder, packaged), retry=RetryPolicy(**known))  # type: ignore[arg-type]


def apply_until(url: str, folder: Path, version: int) -> list[int]:
    """Apply the numbered files of one own series up to a version; the versions that this call applied."""
    with tempfile.TemporaryDirectory() as part:
        for path in folder.glob("[0-9]*.sql"):
            if int(path.name.partition("_")[0]) <= version:
                shutil.copy(path, part)
        return [applied.version for applied in make_runner(url, Path(part)).up()]


def _series(folder: Path, packaged: Path | None) -> list[Series]:
    return [*([] if packaged is None else [Series(PACKAGED, packaged)]), Series(OWN, folder)]


def make_old_ledger(url: str) -> None:
    """The ledger as release 0.1.0 left it, with the rows of the packaged series."""
    with session(url) as connection:
        connection.execute(_OLD_LEDGER.encode())


def session(url: str, *, autocommit: bool = True, name: str = "test") -> psycopg.Connection[TupleRow]:
    """A connection whose application_name distinguishes it from a runner's."""
    return psycopg.connect(make_conninfo(url, application_name=name), autocommit=autocommit)


def read_only(url: str) -> str:
    """The same address, where every write fails."""
    return make_conninfo(url, options="-c default_transaction_read_only=on")


def waiting(connection: psycopg.Connection[TupleRow], text: str) -> bool:
    """True when a runner's statement that contains the text waits for a lock."""
    row = connection.execute(
        """
        SELECT count(*)
        FROM pg_stat_activity
        WHERE application_name = 'guestsql'
            AND datname = current_database()
            AND wait_event_type = 'Lock'
            AND position(%s IN query) > 0
        """,
        (text,),
    ).fetchone()
    return row is not None and row[0] > 0


def value(url: str, query: str) -> object:
    """The first column of the first row."""
    with session(url) as connection:
        row = connection.execute(query.encode()).fetchone()
    return None if row is None else row[0]


class RunnerProcess:
    """`Runner.up` in a process of its own; killed at the end of the `with` block unless it has ended."""

    def __init__(self, url: str, folder: Path, packaged: Path | None = None) -> None:
        root = str(Path(__file__).parent.parent)
        series = [(each.name, str(each.directory)) for each in _series(folder, packaged)]
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, url, json.dumps(series)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            env={**os.environ, "PYTHONPATH": root},
        )

    def applied(self) -> list[int]:
        """Wait for its end: the versions that it applied."""
        out, err = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, err
        versions: list[int] = json.loads(out)
        return versions

    def kill(self) -> None:
        """Kill it with SIGKILL."""
        self.process.kill()
        self.process.communicate(timeout=60)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.kill()
