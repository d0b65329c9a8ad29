"""`guestsql serve-metrics`: what a real Prometheus parser reads from it, whatever fails behind it."""

from __future__ import annotations

import http.client
import importlib.util
import logging
import math
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families

from guestsql.errors import DatabaseError
from guestsql.ops.gauges import Scraper, find_gauges
from guestsql.ops.gauges.exposition import GaugeServer
from guestsql.sql import load_catalogue
from tests.cli.shell import ROOT, invoke, spawn
from tests.databases import PATIENCE_SECONDS, Proxy, make_settings

Connection = psycopg.Connection[Any]
Values = dict[str, dict[tuple[str, ...], float]]

NOWHERE = "postgresql://nobody@127.0.0.1:1/nothing"

OWN = """
-- Queries of a DBA's own.

-- name: get_good()^
-- Good.
-- metrics: good
SELECT 1 AS answer;

-- name: get_broken()^
-- Broken.
-- metrics: broken
SELECT 1 / 0 AS answer;

-- name: get_missing()^
-- Reads a table that is not there.
-- metrics: missing
SELECT count(*) AS answer FROM not_there;

-- name: get_writing()^
-- Writes.
-- metrics: writing
WITH gone AS (DELETE FROM guest_profiles WHERE TRUE RETURNING phone_number)
SELECT count(*) AS answer FROM gone;

-- name: list_phones()
-- A phone number as a label.
-- metrics: phones
SELECT phone_number, total_interactions FROM guest_profiles;

-- name: list_disguised()
-- A phone number under another name.
-- metrics: disguised
SELECT 'no ' || phone_number AS place, total_interactions FROM guest_profiles;

-- name: list_renamed()
-- A name of a guest under another name.
-- metrics: renamed
WITH named AS (SELECT user_name AS place FROM guest_profiles)
SELECT place, count(*) AS guests FROM (SELECT named.place FROM named) AS again GROUP BY place;

-- name: list_plain()
-- What a guest's row may show, and times that Python has no value for.
-- metrics: plain
SELECT
    memory_enabled,
    total_interactions AS n,
    'infinity'::timestamptz AS end_at,
    '-infinity'::timestamp AS begin_at,
    '0044-03-15 BC'::timestamp AS old_at,
    'infinity'::date AS day,
    'NaN'::float8 AS share
FROM guest_profiles LIMIT 1;

-- name: get_long()^
-- Its metric's name is also that of the next.
-- metrics: odd_coll
SELECT 1 AS b_c;

-- name: get_short()^
-- Refused.
-- metrics: odd_coll_b
SELECT 2 AS c;

-- name: list_numbers()
-- A phone number as a whole number.
-- metrics: numbers
SELECT phone_number::bigint AS id, 1 AS n FROM guest_profiles WHERE phone_number = '573000000001';

-- name: get_slow()^
-- Slow.
-- metrics: slow
SELECT 1 AS answer FROM pg_sleep(30);

-- name: get_late()^
-- Asked when the time is over.
-- metrics: late
SELECT 1 AS answer;
"""


@pytest.fixture
def guests(autocommit: Connection) -> Connection:
    """Guests, figures and errors, so that every family has something to say."""
    autocommit.execute(
        """
        INSERT INTO guest_profiles (phone_number, user_name, chat_id, last_interaction)
        SELECT phone, 'Ana ' || phone, phone || '@s.whatsapp.net', statement_timestamp()
        FROM unnest(ARRAY['573000000001', '573000000002', '81234567890123@lid']) AS phone
        """
    )
    autocommit.execute("INSERT INTO context_minutes VALUES (date_trunc('minute', statement_timestamp()), 'hit', 3)")
    return autocommit


def _read(text: str) -> Values:
    """The samples of each metric; the parser refuses what Prometheus would."""
    found: Values = {}
    for family in text_string_to_metric_families(text):
        assert family.type == "gauge"
        assert family.documentation
        values = found.setdefault(family.name, {})
        for sample in family.samples:
            key = tuple(sample.labels.values())
            assert key not in values, sample
            values[key] = sample.value
    return found


def _get(port: int, host: str = "127.0.0.1") -> tuple[int, str]:
    connection = http.client.HTTPConnection(host, port, timeout=PATIENCE_SECONDS)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer.status, text


@contextmanager
def _served(url: str, queries: Path | None = None, *, seconds: float = 30.0, **known: Any) -> Iterator[GaugeServer]:
    gauges = find_gauges(load_catalogue(queries, packaged=queries is None).values())
    with GaugeServer(Scraper(make_settings(url, **known), url, gauges, seconds), 0, "127.0.0.1") as server:
        yield server


def test_the_shipped_queries(database_url: str, guests: Connection) -> None:
    assert guests
    process = spawn("serve-metrics", "--port", "0", DATABASE_URL=database_url)
    try:
        assert process.stderr is not None
        told = process.stderr.readline()
        port = int(told.rpartition(" ")[2])
        status, text = _get(port)
        again, _ = _get(port)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert (status, again, process.returncode, errors) == (200, 200, 0, "serve-metrics: ended\n")
    values = _read(text)
    assert values["guestsql_up"] == {(): 1}
    assert set(values["guestsql_scrape_error"].values()) == {0}
    assert values["guestsql_guests_total_profiles"] == {(): 3}
    assert values["guestsql_guests_today_active_guests"] == {(): 3}
    assert values["guestsql_context_requests_hit_percent"] == {(): 100}
    assert values["guestsql_table_total_bytes"]["guest_profiles",] > 0
    assert values["guestsql_connections_max_connections"][()] >= 100
    assert values["guestsql_table_rows_last_vacuum_timestamp_seconds"] == {}  # never: no value, and not 0
    assert len(values) > 60
    for telling in ("57300000", "81234567890123", "Ana", "whatsapp"):
        assert telling not in text


def test_what_fails_is_reported_and_the_rest_is_answered(
    database_url: str, guests: Connection, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "own.sql").write_text(OWN, encoding="utf-8")
    with _served(database_url, tmp_path, seconds=6.0) as server:
        status, text = _get(server.port)
    values = _read(text)
    assert status == 200
    assert values["guestsql_up"] == {(): 1}
    assert values["guestsql_good_answer"] == {(): 1}
    assert values["guestsql_scrape_error"] == {
        ("get_good",): 0,
        ("get_broken",): 1,
        ("get_missing",): 1,
        ("get_writing",): 1,
        ("list_phones",): 1,
        ("list_disguised",): 1,  # masked, the three look the same
        ("list_renamed",): 1,
        ("list_plain",): 0,
        ("get_long",): 0,
        ("get_short",): 1,
        ("list_numbers",): 0,
        ("get_slow",): 1,
        ("get_late",): 1,
    }
    assert values["guestsql_odd_coll_b_c"] == {(): 1}
    assert values["guestsql_numbers_n"] == {("…",): 1}
    assert values["guestsql_plain_memory_enabled"] == {(): 1}
    assert values["guestsql_plain_end_timestamp_seconds"] == {(): math.inf}
    assert values["guestsql_plain_begin_timestamp_seconds"] == {(): -math.inf}
    assert math.isnan(values["guestsql_plain_old_timestamp_seconds"][()])
    assert math.isnan(values["guestsql_plain_share"][()])
    assert 0.5 < values["guestsql_scrape_duration_seconds"]["get_slow",] < 10
    assert "57300000" not in text
    assert not [name for name in values if "phones" in name or "writing" in name]
    assert guests.execute("SELECT count(*) FROM guest_profiles").fetchone() == (3,)
    told = [record.getMessage() for record in caplog.records if record.message.startswith("METRICS_ERROR")]
    assert len(told) == 9
    assert any("place is guest_profiles.user_name" in line for line in told)
    assert any("division by zero" in line for line in told)
    assert not any("57300000" in line for line in told)


def test_a_server_that_is_away_is_an_answer_too() -> None:
    with _served(NOWHERE) as server:
        status, text = _get(server.port)
    values = _read(text)
    assert status == 200
    assert values["guestsql_up"] == {(): 0}
    assert set(values["guestsql_scrape_error"].values()) == {1}
    assert "guestsql_guests_total_profiles" not in values


def _told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The lines of the log since the last time."""
    lines = [record.getMessage() for record in caplog.records if record.levelno > logging.DEBUG]
    caplog.clear()
    return lines


def test_a_server_that_goes_and_comes_is_reported_once_each(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "own.sql").write_text(OWN[: OWN.index("-- name: get_missing")], encoding="utf-8")
    caplog.set_level(logging.INFO, "guestsql")
    with Proxy(database_url) as proxy, _served(proxy.url, tmp_path) as server:
        proxy.deaf = True
        assert [_read(_get(server.port)[1])["guestsql_up"] for _ in range(3)] == [{(): 0}] * 3
        (away,) = _told(caplog)
        assert away.startswith("METRICS_AWAY the server is unreachable: connection ")
        proxy.deaf = False
        assert [_read(_get(server.port)[1])["guestsql_up"] for _ in range(3)] == [{(): 1}] * 3
        back, broken = _told(caplog)
        assert back == "METRICS_BACK the server is reachable again"
        assert broken.startswith("METRICS_ERROR query get_broken: division by zero")


def test_an_expensive_query_runs_once_in_a_while(database_url: str, tmp_path: Path) -> None:
    """Its answer is repeated; an error is not."""
    (tmp_path / "own.sql").write_text(
        """
-- name: get_often()^
-- metrics: often
SELECT extract(EPOCH FROM clock_timestamp()) AS seconds;

-- name: get_seldom()^
-- metrics: seldom
-- cache: 600s
SELECT extract(EPOCH FROM clock_timestamp()) AS seconds;

-- name: get_broken()^
-- metrics: broken
-- cache: 600s
SELECT count(*) AS rows FROM not_there;
""",
        encoding="utf-8",
    )
    with _served(database_url, tmp_path) as server, psycopg.connect(database_url, autocommit=True) as connection:
        first = _read(_get(server.port)[1])
        connection.execute("CREATE TABLE not_there ()")
        second = _read(_get(server.port)[1])
    assert first["guestsql_seldom_seconds"] == second["guestsql_seldom_seconds"]
    assert first["guestsql_often_seconds"] != second["guestsql_often_seconds"]
    assert second["guestsql_broken_rows"] == {(): 0}


def test_a_query_that_is_fixed_is_reported(
    database_url: str, autocommit: Connection, tmp_path: Path, caplog: Any
) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    text = OWN[OWN.index("-- name: get_missing") : OWN.index("-- name: get_writing")]
    (tmp_path / "own.sql").write_text(text, encoding="utf-8")
    with _served(database_url, tmp_path) as server:
        for _ in range(2):
            _get(server.port)
        (failed,) = _told(caplog)
        assert failed.startswith("METRICS_ERROR query get_missing: ")
        autocommit.execute("CREATE TABLE not_there ()")
        for _ in range(2):
            _get(server.port)
        assert _told(caplog) == ["METRICS_RECOVERED the query answers again query=get_missing"]


def test_the_command_says_why_the_server_is_away_once_and_without_the_password() -> None:
    process = spawn("serve-metrics", "--port", "0", DATABASE_URL="postgresql://ana:hidden-word@127.0.0.1:1/hotel")
    try:
        assert process.stderr is not None
        port = int(process.stderr.readline().rpartition(" ")[2])
        for _ in range(2):
            _get(port)
    finally:
        process.send_signal(signal.SIGTERM)
        _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    expected = r"warning: METRICS_AWAY the server is unreachable: .*refused.*\nserve-metrics: ended\n"
    assert re.fullmatch(expected, errors), errors
    assert "hidden-word" not in errors


def test_once_says_why_the_server_is_away_once() -> None:
    done = invoke("serve-metrics", "--once", DATABASE_URL=NOWHERE)
    assert done.exit_code == 1
    assert len(done.stderr.splitlines()) == 1
    assert "refused" in done.stderr


def test_a_server_that_comes_back_is_answered_again(database_url: str, guests: Connection) -> None:
    """Every scrape has a connection of its own."""
    with _served(database_url) as server:
        assert _read(_get(server.port)[1])["guestsql_up"] == {(): 1}
        guests.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() "
            "AND pid <> pg_backend_pid()"
        )
        assert _read(_get(server.port)[1])["guestsql_up"] == {(): 1}


def test_the_settings_zone_and_time_to_live_are_used(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(
        """-- name: get_known(timezone, ttl_seconds, minutes)^
-- Settings.
-- metrics: known minutes=7
--   timezone: text = 'America/Bogota', zone
--   ttl_seconds: float8 = 300, seconds
--   minutes: int = 60, minutes
SELECT
    extract(HOUR FROM TIMESTAMPTZ '2026-01-05 12:00+00' AT TIME ZONE :timezone::text) AS hour,
    :ttl_seconds::float8 AS ttl,
    :minutes::int AS minutes;
""",
        encoding="utf-8",
    )
    environment = {"GUESTSQL_TIMEZONE": "Asia/Tokyo", "GUESTSQL_CONTEXT_TTL_SECONDS": "77"}
    done = invoke(
        "serve-metrics", "--once", DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(tmp_path), **environment
    )
    assert done.exit_code == 0, done.stderr
    values = _read(done.stdout)
    assert values["guestsql_known_hour"] == {(): 21}
    assert values["guestsql_known_ttl"] == {(): 77}
    assert values["guestsql_known_minutes"] == {(): 7}


def test_once_reads_on_the_replica(database_url: str) -> None:
    done = invoke("serve-metrics", "--once", DATABASE_URL=NOWHERE, DATABASE_REPLICA_URL=database_url)
    assert done.exit_code == 0, done.stderr
    assert _read(done.stdout)["guestsql_up"] == {(): 1}
    assert _read(done.stdout)["guestsql_is_replica"] == {(): 1}


def test_once_reads_on_the_main_server_if_it_is_asked_to(database_url: str) -> None:
    done = invoke("serve-metrics", "--once", "--primary", DATABASE_URL=database_url, DATABASE_REPLICA_URL=NOWHERE)
    assert done.exit_code == 0, done.stderr
    assert _read(done.stdout)["guestsql_is_replica"] == {(): 0}


def test_the_exit_code_of_once_shows_that_something_failed(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text(OWN[: OWN.index("-- name: get_slow")], encoding="utf-8")
    done = invoke("serve-metrics", "--once", DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(tmp_path))
    assert done.exit_code == 1
    assert "get_broken: " in done.stderr
    assert _read(done.stdout)["guestsql_good_answer"] == {(): 1}


def test_a_locked_table_fails_only_the_queries_that_read_it(database_url: str, autocommit: Connection) -> None:
    gauges = find_gauges(load_catalogue().values())
    with autocommit.transaction():
        autocommit.execute("LOCK TABLE guest_profiles")
        answers = Scraper(make_settings(database_url), database_url, gauges, 15.0).scrape().answers
    errors = {answer.gauge.query.name: answer.error for answer in answers}
    assert {error.sqlstate for error in errors.values() if isinstance(error, DatabaseError)} == {"55P03"}
    assert errors["get_connection_usage"] is None
    assert errors["list_wraparound_ages"] is None


def test_a_mark_that_cannot_be_read_ends_it_at_once(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text("-- name: get_x()^\n-- metrics: X\nSELECT 1 AS x;", encoding="utf-8")
    done = invoke("serve-metrics", DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(tmp_path))
    assert done.exit_code == 1
    assert "own.sql:2" in done.stderr


def test_a_port_that_is_taken(database_url: str) -> None:
    with _served(database_url) as server:
        taken = str(server.port)
        done = invoke("serve-metrics", "--port", taken, "--host", "127.0.0.1", DATABASE_URL=database_url)
    assert done.exit_code == 2
    assert "--port" in done.stderr


def test_it_listens_on_both_families(database_url: str) -> None:
    gauges = find_gauges(load_catalogue().values())
    with GaugeServer(Scraper(make_settings(database_url), database_url, gauges, 30.0), 0) as server:
        assert _get(server.port)[0] == 200
        assert _get(server.port, "::1")[0] == 200


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, database_url: str) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "prometheus_client" else find(name))
    done = invoke("serve-metrics", "--once", DATABASE_URL=database_url)
    assert done.exit_code == 2
    assert "pip install 'guestsql[prometheus]'" in done.stderr


def test_the_page_names_the_metrics_prefixes() -> None:
    """Every query that is a metric is in docs/monitoring.md, with its prefix."""
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    for gauge in find_gauges(load_catalogue().values()):
        assert re.search(rf"`{gauge.query.name}`.*`{gauge.prefix}`", page), gauge.query.name


def test_the_pages_own_query(database_url: str, autocommit: Connection, tmp_path: Path) -> None:
    page = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
    example = re.search(r"```sql\n(.*?)```\s+This is `(.*?)`", page, re.DOTALL)
    assert example is not None
    (tmp_path / "own.sql").write_text(example[1], encoding="utf-8")
    autocommit.execute("INSERT INTO query_error_minutes VALUES (statement_timestamp(), 'get_profile', 'timeout', 1)")
    done = invoke("serve-metrics", "--once", DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(tmp_path))
    assert done.exit_code == 0, done.stderr
    assert f"{example[2]} 1.0" in done.stdout.splitlines()
