"""`guestsql psql` and `guestsql server`."""

from __future__ import annotations

import io
import logging
import os
import signal
import threading
import time
from pathlib import Path

import psycopg
import pytest

from guestsql.cli.waiting import waiting
from guestsql.embedded import EmbeddedServer
from guestsql.telemetry.log import event
from tests.cli.shell import invoke, on_terminal, spawn
from tests.databases import Proxy
from tests.server import eventually

FAKE = """\
#!/bin/sh
echo "arguments: $*"
env | grep ^PG | sort
exit 7
"""


@pytest.fixture
def fake_psql(tmp_path):
    """A folder for PATH with a psql that shows what it was given."""
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "psql").write_text(FAKE, encoding="utf-8")
    (folder / "psql").chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_arguments_pass_and_no_password_is_among_them(fake_psql):
    url = "postgresql://bot:s3cr%40t@db.hotel:5433/hotel?sslmode=require&application_name=desk"
    given = {"PATH": fake_psql, "DATABASE_URL": url, "GUESTSQL_PG_BIN": "", "PGSERVICE": "other", "PGTZ": "UTC"}
    with spawn("psql", "-X", "-h", "elsewhere", "--csv", "-c", "SELECT 1", **given) as process:
        shown, complaints = process.communicate(timeout=30)

    assert (process.returncode, complaints) == (7, "")
    assert shown.splitlines() == [
        "arguments: -X -h elsewhere --csv -c SELECT 1",
        "PGAPPNAME=desk",
        "PGDATABASE=hotel",
        "PGHOST=db.hotel",
        "PGPASSWORD=s3cr@t",
        "PGPORT=5433",
        "PGSSLMODE=require",
        "PGTZ=UTC",
        "PGUSER=bot",
    ]


def test_psql_on_the_configured_database(database_url):
    process = spawn(
        "psql", "-XAtc", "SELECT current_database(), count(*) FROM guest_profiles", DATABASE_URL=database_url
    )
    shown, complaints = process.communicate(timeout=30)

    assert (process.returncode, complaints) == (0, "")
    assert shown.startswith("guestsql_")
    assert shown.endswith("|0\n")


def test_without_psql_the_way_out_is_said(tmp_path):
    result = invoke(
        "psql", PATH=str(tmp_path), GUESTSQL_PG_BIN=str(tmp_path), DATABASE_URL="postgresql://127.0.0.1:1/x"
    )

    assert (result.exit_code, result.stdout, result.stderr.count("\n")) == (1, "", 1)
    assert "psql is not installed (install" in result.stderr
    assert "guestsql[embedded]" in result.stderr


def test_sigterm_ends_psql_too(database_url, autocommit: psycopg.Connection):
    process = spawn("psql", "-Xc", "SELECT pg_sleep(600)", DATABASE_URL=database_url)
    sleeping = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    while autocommit.execute(sleeping).fetchone() == (0,):
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=30)

    assert process.returncode == 143


def _pg_bin():
    given = os.environ.get("GUESTSQL_PG_BIN")
    return Path(given) if given else None


def _answers(url):
    try:
        psycopg.connect(url, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


def test_the_embedded_server_is_kept_running(embedded_home):
    home = {"GUESTSQL_HOME": str(embedded_home)}
    with spawn("server", **home) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        psycopg.connect(url).close()
        # Its data are there by now, so their place is not announced again.
        with spawn("psql", "-XAtc", "SELECT current_database()", **home) as psql:
            assert psql.communicate(timeout=60) == ("guestsql\n", "")
        # Ended from outside, it is started again.
        place = EmbeddedServer(embedded_home, _pg_bin()).place()
        os.kill(int((place.folder / "data" / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)
        eventually(lambda: not _answers(url))
        eventually(lambda: _answers(url))
        process.send_signal(signal.SIGINT)
        _, complaints = process.communicate(timeout=60)

    assert process.returncode == 0
    said = f"guestsql: DATABASE_URL is not set: creating an embedded PostgreSQL in {place.folder}\n"
    assert complaints.startswith(said)
    assert complaints.endswith("server: running; Ctrl-C stops it\nserver: ended\n")
    assert not _answers(url)


class _Terminal(io.StringIO):
    """A stderr whose text is read without taking it away, since another thread writes it."""

    def isatty(self) -> bool:
        return True


def test_what_takes_longer_than_a_second_is_said_on_a_terminal(monkeypatch):
    monkeypatch.setattr("guestsql.cli.waiting._PATIENCE_SECONDS", 0.0)
    monkeypatch.setattr("sys.stderr", terminal := _Terminal())
    with waiting("waiting for a test"):
        eventually(lambda: terminal.getvalue().endswith("\n"))
    assert terminal.getvalue() == "guestsql: waiting for a test …\n"

    monkeypatch.setattr("sys.stderr", file := io.StringIO())
    before = set(threading.enumerate())
    with waiting("waiting for a test"):
        assert set(threading.enumerate()) <= before
    assert file.getvalue() == ""


def test_a_log_event_says_more_precisely_what_is_waited_for(monkeypatch):
    monkeypatch.setattr("sys.stderr", terminal := _Terminal())
    with waiting("waiting for the database", event="MIGRATION_WAITING"):
        event(logging.INFO, "MIGRATION_WAITING", "another runner is at work: pid 7")
        event(logging.INFO, "MIGRATION_APPLIED", "0001_first.sql")
        eventually(lambda: terminal.getvalue().endswith("\n"))
    assert terminal.getvalue() == "guestsql: another runner is at work: pid 7\n"


def test_a_server_that_does_not_answer_is_waited_for_visibly(database_url):
    with Proxy(database_url) as proxy:
        proxy.loses_packets = True
        given = {"DATABASE_URL": proxy.url, "GUESTSQL_DEADLINE_SECONDS": "2"}
        seen = on_terminal("query", "run", "get_profile_totals", **given)
    assert seen.text.startswith("guestsql: connecting to the server of DATABASE_URL …\r\n")
    assert seen.exit_code == 4
