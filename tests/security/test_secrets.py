"""No password, key or token is in a log, an error, a repr, the server's list of sessions, or the title of a process."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from guestsql import AsyncGuestDatabase, Database, GuestDatabase
from guestsql.adhoc.target import Target
from guestsql.cli.main import guestsql
from guestsql.errors import GuestSQLError
from guestsql.guests.erasure import ErasureKey
from guestsql.migrate import Runner
from guestsql.ops.health import Probe
from guestsql.pages.security import Access
from guestsql.settings import Settings
from tests.cli.shell import invoke, spawn
from tests.databases import GUEST, make_settings
from tests.pages.serving import sql_file
from tests.security.test_injection import ENDLESS, _calls, _commands
from tests.server import eventually

pytestmark = pytest.mark.once

SECRET = "hunter2secret"
AWAY = f"postgresql://bot:{SECRET}@127.0.0.1:1/hotel?connect_timeout=2"
KEYS = {"GUESTSQL_ERASURE_KEY": SECRET * 3, "GUESTSQL_SERVE_TOKEN": SECRET}


def test_no_repr_shows_a_secret(tmp_path: Path) -> None:
    sql_file(tmp_path, "-- name: get_one()$\nSELECT 1 AS one;\n")
    settings = Settings(
        database_url=AWAY,
        unpooled_url=AWAY,
        replica_url=AWAY,
        erasure_key=SECRET * 3,
        serve_token=SECRET,
        home=tmp_path,
    )
    made = [
        settings,
        GuestDatabase(settings=settings),
        AsyncGuestDatabase(settings=settings),
        Database(AWAY, tmp_path),
        Target(settings, AWAY, "DATABASE_URL"),
        Runner(settings, AWAY),
        Probe(settings),
        Access("127.0.0.1", (), SECRET),
        ErasureKey(SECRET * 3),
    ]
    assert [type(each).__name__ for each in made if SECRET in f"{each!r}{each}"] == []


def test_no_log_and_no_error_shows_a_secret(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for url in (
        AWAY,
        AWAY.replace("hotel", "hot%zzel"),
        f"host=127.0.0.1 port=x password={SECRET}",
        f"nothing {SECRET}",
    ):
        with (
            pytest.raises(GuestSQLError) as caught,
            GuestDatabase(settings=make_settings(url, deadline_seconds=0.5)) as db,
        ):
            db.get_profile(GUEST)
        shown = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + str(caught.value.__dict__)
        assert SECRET not in shown, url
    assert SECRET not in caplog.text


def test_the_server_and_the_list_of_processes_see_no_secret(database_url: str, autocommit: psycopg.Connection) -> None:
    with GuestDatabase(
        settings=make_settings(make_conninfo(database_url, password=SECRET), erasure_key=SECRET * 3)
    ) as db:
        db.update_profile(GUEST, user_name=SECRET)
        db.forget_guest(GUEST)
        seen = autocommit.execute("SELECT application_name, query FROM pg_stat_activity").fetchall()
    assert any(name == "guestsql" for name, _ in seen)
    assert SECRET not in str(seen)
    url = make_conninfo(database_url, password=SECRET, application_name="psql of the test")
    process = spawn("psql", "-c", "SELECT pg_sleep(60)", DATABASE_URL=url, **KEYS)
    try:
        query = "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
        eventually(lambda: autocommit.execute(query).fetchone() == (1,))
        titles = [_title(each) for each in Path("/proc").iterdir() if each.name.isdigit()]
    finally:
        autocommit.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'")
        process.communicate(timeout=60)
    assert any("pg_sleep(60)" in title for title in titles)
    assert [title for title in titles if SECRET in title] == []


def _title(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:  # it has ended
        return ""


def test_no_command_prints_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, command in _commands(guestsql):
        arguments = next(iter(_calls(command)), [])
        if path[0] not in ENDLESS:
            found = invoke(
                *path, *arguments, DATABASE_URL=AWAY, DATABASE_REPLICA_URL=AWAY, GUESTSQL_DEADLINE_SECONDS="0.5", **KEYS
            )
            assert SECRET not in found.output + repr(found.exception), path
