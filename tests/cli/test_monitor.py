"""`guestsql monitor`: the figures once, and live."""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import threading
from contextlib import suppress
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import psycopg
import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.screen import Screen as Whole

from guestsql import GuestDatabase
from guestsql.cli.keys import quit_key
from guestsql.ops.monitor import Figures, Screen
from guestsql.ops.monitor.figures import Connections, Messages, Minute, NamedQuery, Problem, Replies
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


class Live:
    """The monitor on a terminal of its own."""

    def __init__(self, url, *, size=(24, 80), stdin=None):
        self.ours, self.theirs = pty.openpty()
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ, struct.pack("HHHH", *size, 0, 0))
        self.before = termios.tcgetattr(self.theirs)
        self.shown = b""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "guestsql", "monitor", "--interval", "0.2"],
            stdin=self.theirs if stdin is None else stdin,
            stdout=self.theirs,
            stderr=self.theirs,
            env={**os.environ, "TERM": "xterm-256color", "PYTHONPATH": str(ROOT), "DATABASE_URL": url},
        )
        self._guard = threading.Timer(60, self.process.kill)

    def __enter__(self):
        self._guard.start()
        return self

    def __exit__(self, *_):
        self._guard.cancel()
        self.process.kill()
        self.process.wait()
        os.close(self.ours)
        os.close(self.theirs)

    def until(self, wanted, *, times=3):
        """Read on until it has been drawn so often again."""
        goal = self.shown.count(wanted) + times
        while self.shown.count(wanted) < goal:
            chunk = _chunk(self.ours)
            assert chunk, self.shown.decode(errors="replace")
            self.shown += chunk

    def end(self):
        """Wait for the end; the exit code."""
        while self.process.poll() is None:
            ready, _, _ = select.select([self.ours], [], [], 0.05)
            self.shown += _chunk(self.ours) if ready else b""
        while select.select([self.ours], [], [], 0.0)[0]:
            self.shown += _chunk(self.ours)
        return self.process.returncode

    @property
    def is_as_before(self):
        """The first screen is shown, with its cursor, and keys wait for Enter."""
        screens = self.shown.rfind(b"\x1b[?1049l"), self.shown.rfind(b"\x1b[?25h")
        return min(screens) > self.shown.rfind(b"\x1b[?1049h") and termios.tcgetattr(self.theirs) == self.before


def test_it_lives_on_a_terminal_until_ctrl_c(busy):
    with Live(busy) as live:
        live.until(b"guestsql monitor")  # it has been drawn again
        _terminate_sessions(busy)
        live.until(b"guestsql monitor")  # and a lost server does not end it
        live.process.send_signal(signal.SIGINT)

        assert live.end() == 0
        assert live.is_as_before
    assert b"context hits" in live.shown
    assert b"Traceback" not in live.shown


@pytest.mark.parametrize("key", [b"q", b"xy\x1b[AQ"])
def test_q_ends_it(busy, key):
    with Live(busy) as live:
        live.until(b"q quits", times=1)
        assert termios.tcgetattr(live.theirs) != live.before
        os.write(live.ours, key)

        assert live.end() == 0
        assert live.is_as_before


def test_another_key_does_not_end_it(busy):
    with Live(busy) as live:
        live.until(b"q quits", times=1)
        os.write(live.ours, b"x\n\x1b[A")
        live.until(b"q quits")
        os.write(live.ours, b"q")

        assert live.end() == 0


def test_sigterm_leaves_the_terminal_as_it_was(busy):
    with Live(busy) as live:
        live.until(b"q quits", times=1)
        live.process.terminate()

        assert live.end() == 128 + signal.SIGTERM
        assert live.is_as_before


def test_an_error_leaves_the_terminal_as_it_was(monkeypatch):
    ours, theirs = pty.openpty()
    before = termios.tcgetattr(theirs)
    with open(theirs, encoding="utf-8", closefd=False) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        with suppress(ZeroDivisionError), quit_key() as wait:
            assert termios.tcgetattr(theirs) != before
            assert not wait(0.01)
            os.write(ours, b"q")
            assert wait(30.0)
            raise ZeroDivisionError
        assert termios.tcgetattr(theirs) == before
        with quit_key() as wait:
            os.close(ours)  # hung up: no key, and no hurry
            assert not wait(0.01)
    os.close(theirs)


def test_stdin_that_is_no_terminal_is_left_alone(busy):
    with Live(busy, stdin=subprocess.PIPE) as live:
        live.until(b"Ctrl-C quits", times=1)
        live.process.stdin.write(b"q\n")
        live.process.stdin.flush()
        live.until(b"Ctrl-C quits")
        assert b"q quits" not in live.shown
        live.process.send_signal(signal.SIGINT)

        assert live.end() == 0
        live.process.stdin.close()


@pytest.mark.parametrize("size", [(80, 24), (40, 10), (20, 5), (10, 2), (1, 1)])
@pytest.mark.parametrize("failure", ["", "query list_minutes: " + "the server is lost " * 9], ids=["up", "lost"])
def test_a_small_terminal_is_not_overfilled(size, failure):
    width, height = size
    lines = _drawn(_screen(failure=failure), width, height)

    assert len(lines) <= height
    assert max(map(cell_len, lines)) <= width
    assert lines[-1].rstrip() == "q quits"[:width]
    if width >= 40 and not failure:
        assert "75.0 %" in "\n".join(lines)
        assert lines[0].startswith("guestsql monitor")


def test_a_narrow_terminal_shows_what_matters():
    lines = _drawn(_screen(), 40, 40)

    assert next(line.split() for line in lines if "connections" in line) == ["connections", "7", "of", "97"]
    assert next(line for line in lines if "get_it" in line).split() == ["1000000", "9.5", "s", "get_it"]
    assert next(line for line in lines if "4711" in line).split() == ["4711", "blocked", "set_it"]


def _screen(failure=""):
    at = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
    minutes = tuple(Minute(at, 5, 1, 0.5, 9500.0, 4, 75.0) for _ in range(60))
    queries = (NamedQuery("get_it", 1_000_000, 3, 1.5, 9500.0, 1e9),) * 30
    sessions = (Problem("blocked", 4711, 12.0, "set_it", "blocked by 4712: " + "x" * 80),) * 30
    figures = Figures(
        at, minutes, queries, Connections(7, 97, 1, 1, 1), Messages(1, 0, 2), Replies(3, 400.0, 1), sessions
    )
    return Screen(figures, [1.0, 7.0], "guestsql monitor   host/hotel", ZoneInfo("UTC"), failure, False, str, "q quits")


def _drawn(screen, width, height):
    shown = io.StringIO()
    terminal = Console(file=shown, width=width, height=height, force_terminal=False, color_system=None)
    terminal.print(Whole(screen), end="")
    return shown.getvalue().rstrip("\n").split("\n")


def _terminate_sessions(url):
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def _chunk(terminal):
    ready, _, _ = select.select([terminal], [], [], 30)
    try:
        return os.read(terminal, 65536) if ready else b""
    except OSError:  # the other side is closed
        return b""
