"""What the tests of the migration runner share: folders of files, runners in this process and in others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Self

import psycopg
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from guestsql.migrate import Patience, Runner
from guestsql.settings import Settings

_RUN = """
import json, logging, sys
from pathlib import Path
from guestsql.migrate import Runner
from guestsql.settings import Settings

logging.basicConfig(level=logging.INFO, stream=sys.stderr)
applied = Runner(Settings(), sys.argv[1], Path(sys.argv[2])).up()
print(json.dumps([migration.version for migration in applied]))
"""


def write_files(folder: Path, files: Mapping[str, str]) -> Path:
    """Write migration files, their line ends as given; the folder is made."""
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / name).write_bytes(text.encode())
    return folder


def make_runner(url: str, folder: Path, **patience: float) -> Runner:
    """A runner that is quick to lose patience."""
    known = {"first_pause": 0.01, "longest_pause": 0.05, **patience}
    return Runner(Settings(), url, folder, patience=Patience(**known))  # type: ignore[arg-type]


def session(url: str, *, autocommit: bool = True, name: str = "test") -> psycopg.Connection[TupleRow]:
    """A connection whose application_name tells it from a runner's."""
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

    def __init__(self, url: str, folder: Path) -> None:
        root = str(Path(__file__).parent.parent)
        self.process = subprocess.Popen(
            [sys.executable, "-c", _RUN, url, str(folder)],
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
