"""`guestsql migrate up --wait`: what may pass is waited for, what cannot is not."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.cli.shell import invoke, spawn
from tests.faults.conftest import PasswordServer
from tests.migrating import write_files
from tests.server import eventually

pytestmark = pytest.mark.direct("migrations need a session")

FILES = {"0001_first.sql": "CREATE TABLE first (n int);\n"}


def own_series(folder: Path) -> dict[str, str]:
    """The variables with which only an own series runs, of one small file."""
    own = write_files(folder / "migrations", FILES)
    return {"GUESTSQL_MIGRATIONS_DIR": str(own), "GUESTSQL_PACKAGED": "no"}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"password": "wrong-word"}, "check the password in DATABASE_URL"),
        ({"user": "nobody_here"}, "check the password in DATABASE_URL"),
        ({"user": "blocked"}, "pg_hba.conf"),
        ({"dbname": "nowhere"}, "check the database's name in DATABASE_URL"),
    ],
    ids=["password", "role", "pg_hba", "database"],
)
def test_a_refusal_is_not_waited_for(password_server: PasswordServer, change: dict[str, Any], said: str) -> None:
    started = time.monotonic()
    result = invoke("migrate", "up", "--wait", "60", DATABASE_URL=password_server.url(**change))

    assert time.monotonic() - started < 30
    assert (result.exit_code, result.stdout) == (4, "")
    assert said in result.stderr
    assert "-word" not in result.stderr


def test_an_address_that_does_not_parse_is_not_waited_for() -> None:
    result = invoke("migrate", "up", "--wait", "60", DATABASE_URL="postgresql://u:right-word@host:none/x")
    assert result.exit_code == 2
    assert "right-word" not in result.stderr


def test_a_server_that_starts_meanwhile_is_waited_for(password_server: PasswordServer, tmp_path: Path) -> None:
    server = password_server.server
    with psycopg.connect(server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE late OWNER visitor")
    server.stop()
    url = password_server.url("late")
    process = spawn(
        *("--debug", "migrate", "up", "--wait", "60", "--format", "json"), DATABASE_URL=url, **own_series(tmp_path)
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    server.start()
    out, errors = process.communicate(timeout=60)
    assert "no connection yet" in line
    assert process.returncode == 0, errors
    assert '"name": "first"' in out


def test_a_server_that_is_full_is_waited_for(password_server: PasswordServer, tmp_path: Path) -> None:
    with psycopg.connect(password_server.server.url(), autocommit=True) as admin:
        admin.execute("CREATE DATABASE full_house OWNER visitor CONNECTION LIMIT 2")
        url = password_server.url("full_house")
        # The runner needs two: one holds its lock.
        with psycopg.connect(url), psycopg.connect(url):
            process = spawn("--debug", "migrate", "up", "--wait", "60", DATABASE_URL=url, **own_series(tmp_path))
            assert process.stderr is not None
            assert "too many connections" in process.stderr.readline()
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors
        eventually(lambda: _is_left(admin, "full_house"))
        admin.execute("DROP DATABASE full_house")


def _is_left(admin: psycopg.Connection[Any], name: str) -> bool:
    return admin.execute("SELECT 1 FROM pg_stat_activity WHERE datname = %s", [name]).fetchone() is None
