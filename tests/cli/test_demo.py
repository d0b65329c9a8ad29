"""`guestsql demo`, twice, and twice at once."""

from __future__ import annotations

import pytest

from guestsql.embedded import EmbeddedServer
from tests.cli.shell import spawn

NOWHERE = "postgresql://bot:pw@127.0.0.1:1/hotel"


def _demo(home):
    return spawn("demo", GUESTSQL_HOME=str(home), DATABASE_URL=NOWHERE, GUESTSQL_POOLER="transaction")


def _ended(process):
    shown, complaints = process.communicate(timeout=120)
    assert process.returncode == 0, complaints
    lines = complaints.splitlines()
    assert lines[0] == "DATABASE_URL is not used: the demo uses its own database on the embedded server"
    assert all(line.startswith("guestsql: creating an embedded PostgreSQL in ") for line in lines[1:]), complaints
    assert "\x1b" not in shown
    assert all(len(line) <= 80 for line in shown.splitlines() if not line.startswith("file://"))
    return shown


def _psql(home, *arguments):
    shown, complaints = spawn("psql", "-XAt", *arguments, GUESTSQL_HOME=str(home)).communicate(timeout=60)
    return shown.strip() or complaints


def _check_report(home, shown):
    """The last line is the address of a page with pictures, and the invented hotel is gone."""
    path = home / "demo" / "report.html"
    assert shown.splitlines()[-1] == path.as_uri()
    page = path.read_text(encoding="utf-8")
    assert page.count("<img ") == 6
    assert "Not shown" not in page
    assert _psql(home, "-d", "postgres", "-c", "SELECT count(*) FROM pg_database WHERE datname ~ 'report'") == "0"


@pytest.mark.once
def test_demo(embedded_home):
    home = embedded_home / "home with blanks"
    both = [_ended(process) for process in [_demo(home), _demo(home)]]
    first = next(shown for shown in both if " applied\n" in shown)
    assert "miss, built" in "".join(both)
    assert "-- name: list_calls_today()" in first
    assert "+ WHERE labels && '{VIP,Reserva}'" in first
    before, _, after = first.partition("An edit of the file")
    assert "Camila" not in before
    assert "Camila" in after
    assert "573000000099   no such guest" in first
    assert "573000000008   no thread yet" in first
    assert "***0001" in first.partition("for monitoring")[2]
    assert "5730" not in first.partition("for monitoring")[2]

    with EmbeddedServer(home):  # keeps it running: the commands start sooner
        again, complaints = spawn("demo", GUESTSQL_HOME=str(home)).communicate(timeout=120)
        assert complaints == ""
        assert "migrations: nothing to apply" in again
        assert "0 inserted, 0 updated, 24 unchanged" in again
        assert "miss, " not in again
        assert "This run: 1 message recorded." in again
        # Both of the first two have recorded one too.
        assert next(line.split()[:2] for line in again.splitlines() if line.startswith("before")) == ["before", "2"]

        _check_report(home, again)

        # Its database is its own.
        assert _psql(home, "-c", "SELECT to_regclass('guest_profiles') IS NULL") == "t"
        assert int(_psql(home, "-d", "guestsql_demo", "-c", "SELECT count(*) FROM guest_profiles")) > 20

        # So is that of the invented hotel.
        for arguments in (["--guests", "40"], ["--guests", "30", "--replace"]):
            _, complaints = spawn("demo", *arguments, GUESTSQL_HOME=str(home)).communicate(timeout=120)
            assert complaints == ""
        assert _psql(home, "-d", "guestsql_demo_hotel", "-c", "SELECT count(*) FROM known_guests") == "30"

        following = again.partition("Try next\n")[2].partition("\n\n")[0]
        commands = [line.split("  ")[1].split() for line in following.splitlines()]
        assert len(commands) == 3
        for command in commands:
            assert command[0] == "guestsql"
            process = spawn(*command[1:], GUESTSQL_HOME=str(home))
            _, complaints = process.communicate(timeout=120)
            assert process.returncode == 0, (command, complaints)
