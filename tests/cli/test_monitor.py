"""`guestsql monitor`: the figures once, and live."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading

import psycopg
import pytest

from guestsql import GuestDatabase
from tests.cli.shell import ROOT, invoke, spawn


@pytest.fixture
def busy(database_url):
    """A database whose bot has been asked for contexts, and has failed once."""
    with GuestDatabase(database_url) as db:
        for _ in range(4):
            db.get_context("573000000001")
        with pytest.raises(Exception, match="violates"):
            db.queries.set_thread(phone_number="573000000001", thread_id="")
    return database_url


def test_once_prints_one_object(busy):
    result = invoke("monitor", "--once", "--minutes", "5", DATABASE_URL=busy)

    assert result.exit_code == 0, result.stderr
    figures = json.loads(result.stdout)
    assert len(figures["minutes"]) == 5
    assert sum(minute["requests"] for minute in figures["minutes"]) == 4
    assert {minute["hit_percent"] for minute in figures["minutes"]} == {None, 75.0}
    assert sum(minute["errors"] for minute in figures["minutes"]) == 1
    called = {query["query"]: query for query in figures["queries"]}
    assert called["set_thread"]["errors"] == 1
    assert called["lookup_context"]["p95_milliseconds"] > 0
    assert figures["connections"]["used"] >= 1
    assert figures["connections"]["limit"] > figures["connections"]["used"]


def test_it_tells_which_server_was_asked(database_url):
    nowhere = "postgresql://127.0.0.1:1/nowhere"
    main = invoke("monitor", "--once", "--primary", DATABASE_URL=database_url, DATABASE_REPLICA_URL=nowhere)
    replica = invoke("monitor", "--once", DATABASE_URL=nowhere, DATABASE_REPLICA_URL=database_url)

    assert [json.loads(each.stdout)["server"] for each in (main, replica)] == ["main", "replica"]


def test_minutes_without_a_call_are_there(database_url):
    result = invoke("monitor", "--once", "--minutes", "3", DATABASE_URL=database_url)

    figures = json.loads(result.stdout)
    assert [minute["calls"] for minute in figures["minutes"]] == [0, 0, 0]
    assert figures["minutes"][-1]["hit_percent"] is None
    assert figures["queries"] == []


def test_who_blocks_whom_is_seen(database_url):
    with psycopg.connect(database_url) as first, psycopg.connect(database_url, autocommit=True) as second:
        blocking, blocked = first.info.backend_pid, second.info.backend_pid
        first.execute("LOCK TABLE guest_profiles")
        waiting = threading.Thread(target=second.execute, args=("TABLE guest_profiles",))
        waiting.start()
        _until_blocked(database_url, blocked)

        result = invoke("monitor", "--once", "--min-seconds", "0", DATABASE_URL=database_url)
        first.rollback()
        waiting.join()

    sessions = json.loads(result.stdout)["sessions"]
    found = {(each["kind"], each["pid"]): each for each in sessions}
    assert found["blocked", blocked]["about"].startswith(f"blocked by {blocking}")
    assert ("idle in transaction", blocking) in found


def _until_blocked(url, pid):
    with psycopg.connect(url, autocommit=True) as connection:
        while not connection.execute("SELECT cardinality(pg_blocking_pids(%s))", [pid]).fetchone()[0]:
            pass


def test_as_a_table_in_a_pipe_it_is_plain(busy):
    shown, _ = spawn("monitor", "--once", "--format", "table", DATABASE_URL=busy).communicate(timeout=60)

    assert "\x1b" not in shown
    assert "context hits" in shown
    assert "75.0 %" in shown or "█" in shown  # the minute may have ended in between
    assert "set_thread" in shown


def test_no_server_is_exit_4(tmp_path):
    result = invoke("monitor", "--once", DATABASE_URL=f"host={tmp_path} dbname=x", GUESTSQL_DEADLINE_SECONDS="2")

    assert result.exit_code == 4
    assert result.stdout == ""


def test_it_lives_on_a_terminal_until_ctrl_c(busy):
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "guestsql", "monitor", "--interval", "0.2"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "DATABASE_URL": busy},
    )
    os.close(theirs)
    guard = threading.Timer(60, process.kill)
    guard.start()
    shown = b""
    try:
        shown = _shown_until(ours, b"guestsql monitor", times=3)  # it has been drawn again
        _terminate_sessions(busy)
        shown += _shown_until(ours, b"guestsql monitor", times=3)  # and a lost server does not end it
        process.send_signal(signal.SIGINT)
        while process.poll() is None:
            shown += _chunk(ours)
    finally:
        guard.cancel()
        os.close(ours)
        process.kill()
        process.wait()

    assert process.returncode == 0
    assert b"context hits" in shown
    assert b"Traceback" not in shown
    assert shown.rstrip().endswith(b"\x1b[?25h") or b"\x1b[?1049l" in shown  # the terminal is as before


def _terminate_sessions(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _shown_until(terminal, wanted, *, times):
    shown = b""
    while shown.count(wanted) < times:
        chunk = _chunk(terminal)
        assert chunk, shown.decode(errors="replace")
        shown += chunk
    return shown


def _chunk(terminal):
    ready, _, _ = select.select([terminal], [], [], 30)
    try:
        return os.read(terminal, 65536) if ready else b""
    except OSError:  # the other side is closed
        return b""
