"""The health endpoint: real requests on IPv4 and IPv6, a database that goes and comes, and a clean end."""

from __future__ import annotations

import http.client
import json
import logging
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any, Self

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from guestsql.errors import SettingsError
from guestsql.migrate import Runner
from guestsql.ops.health import HealthReport, HealthServer, Probe
from guestsql.settings import Settings
from tests.cli.shell import invoke, spawn
from tests.conftest import NewDatabase
from tests.server import eventually, private_server
from tests.through_pooler import direct

READY = HealthReport(True, "ok", "ok", None, 1.0)


def get(port: int, path: str, host: str = "127.0.0.1", method: str = "GET") -> tuple[int, dict[str, Any] | None]:
    connection = http.client.HTTPConnection(host, port, timeout=30)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        body = response.read()
        return response.status, json.loads(body) if body else None
    finally:
        connection.close()


def has_ipv6() -> bool:
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


@pytest.fixture(scope="module")
def migrated_once(new_database: NewDatabase) -> Iterator[str]:
    """The name of a database with the migrations and their ledger."""
    with new_database("template1") as url:
        Runner(Settings(), direct(url)).up()
        yield str(conninfo_to_dict(url)["dbname"])


@pytest.fixture
def migrated_url(new_database: NewDatabase, migrated_once: str) -> Iterator[str]:
    with new_database(migrated_once) as url:
        yield url


class Command:
    """`guestsql health` in a process of its own, on a free port."""

    def __init__(self, url: str, *arguments: str) -> None:
        self.process = spawn("health", *arguments, DATABASE_URL=url, PORT="0")
        assert self.process.stderr is not None
        line = self.process.stderr.readline()
        assert "listening on port" in line, line + self.process.communicate(timeout=30)[1]
        self.port = int(line.rpartition(" ")[2])

    def end(self) -> tuple[int, str]:
        _, errors = self.process.communicate(timeout=30)
        return self.process.returncode, errors

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
            self.process.communicate()


def test_a_process_is_asked_on_both_families_and_drains(migrated_url: str) -> None:
    hosts = ["127.0.0.1", *(["::1"] if has_ipv6() else [])]
    with Command(migrated_url, "--drain", "60", "--deadline", "30") as command:
        for host in hosts:
            assert get(command.port, "/live", host) == (200, {"status": "live"})
            for path in ("/ready", "/healthz", "/healthz?from=railway"):
                status, body = get(command.port, path, host)
                assert status == 200
                assert body is not None
                assert (body["status"], body["database"], body["migrations"]) == ("ready", "ok", "ok")
        assert get(command.port, "/secret")[0] == 404
        assert get(command.port, "/ready", method="HEAD") == (200, None)
        assert get(command.port, "/ready", method="POST")[0] == 501

        command.process.send_signal(signal.SIGTERM)
        eventually(lambda: get(command.port, "/ready") == (503, {"status": "draining"}))
        assert get(command.port, "/live")[0] == 200
        assert command.process.poll() is None
        command.process.send_signal(signal.SIGTERM)
        code, errors = command.end()
    assert (code, errors) == (0, "health: draining for 60 s\nhealth: ended\n")


def test_pending_migrations_are_not_ready(empty_database_url: str) -> None:
    with Command(empty_database_url, "--deadline", "30") as command:
        status, body = get(command.port, "/ready")
        assert (status, body and body["migrations"]) == (503, "pending")
        Runner(Settings(), direct(empty_database_url)).up()
        eventually(lambda: get(command.port, "/ready")[0] == 200)
        command.process.send_signal(signal.SIGINT)
        code, errors = command.end()
    unready, ready, ended = errors.splitlines()
    assert unready.startswith("warning: HEALTH_UNREADY not ready: migrations are pending (")
    assert (code, ready, ended) == (0, "info: HEALTH_READY ready again", "health: ended")


def test_a_migration_that_is_missing_in_between(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute("DELETE FROM guestsql_migrations WHERE version = 3")
    with closing(Probe(Settings(), migrated_url, seconds=30)) as probe:
        assert probe.check().migrations == "pending"


def test_a_newer_release_has_migrated_already(migrated_url: str) -> None:
    with psycopg.connect(migrated_url) as connection:
        connection.execute(
            "INSERT INTO guestsql_migrations (version, name, checksum, body, duration_ms) VALUES (999, 'x', '', '', 0)"
        )
    with closing(Probe(Settings(), migrated_url, seconds=30)) as probe:
        assert probe.check().is_ready


def told(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """The level and the text of each line of the log since the last time."""
    lines = [(record.levelname, record.getMessage()) for record in caplog.records if record.levelno > logging.DEBUG]
    caplog.clear()
    return lines


def test_a_database_that_goes_and_comes(caplog: pytest.LogCaptureFixture) -> None:
    """The log says each change once, however often somebody asks."""
    with private_server() as server:
        Runner(Settings(), server.url()).up()
        caplog.set_level(logging.INFO, "guestsql")
        caplog.clear()
        probe = Probe(Settings(), server.url(), seconds=30, pause=0)
        assert probe.check().is_ready
        assert told(caplog) == []
        server.stop()
        gone = [probe.check() for _ in range(3)]
        assert {(each.is_ready, each.database, each.migrations) for each in gone} == {(False, "unavailable", "unknown")}
        ((level, line),) = told(caplog)
        assert level == "WARNING"
        assert line.startswith("HEALTH_UNREADY not ready: connection ")
        assert "check that the server of DATABASE_URL runs" in line
        server.start()
        assert all(probe.check().is_ready for _ in range(2))
        assert told(caplog) == [("INFO", "HEALTH_READY ready again")]
        assert probe.check().is_ready
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'guestsql'"
            )
        assert probe.check().is_ready
        probe.close()


@pytest.mark.parametrize(
    ("change", "database"),
    [({"dbname": "nowhere"}, "unavailable"), ({"user": "nobody_here"}, "unavailable"), ({"port": "1"}, "unavailable")],
)
def test_what_is_wrong_is_reported_without_secrets(migrated_url: str, change: dict[str, str], database: str) -> None:
    url = make_conninfo(migrated_url, password="hidden-word", **change)  # type: ignore[arg-type]
    with HealthServer(Probe(Settings(), url, seconds=30).check, 0) as server:
        status, body = get(server.port, "/ready")
    assert (status, body and body["database"]) == (503, database)
    shown = json.dumps(body)
    assert not any(secret in shown for secret in ("hidden-word", "nowhere", "nobody_here", "guestsql-test"))


def test_the_command_says_why_it_is_not_ready_once_and_without_the_password() -> None:
    with Command("postgresql://ana:hidden-word@127.0.0.1:1/hotel", "--deadline", "30") as command:
        assert [get(command.port, "/ready")[0] for _ in range(2)] == [503, 503]
        command.process.send_signal(signal.SIGTERM)
        code, errors = command.end()
    assert code == 0
    assert re.fullmatch(r"warning: HEALTH_UNREADY not ready: .*refused.*\nhealth: ended\n", errors), errors
    assert "hidden-word" not in errors


def test_a_reason_that_changes_is_said(empty_database_url: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "guestsql")
    with closing(Probe(Settings(), empty_database_url, seconds=30, pause=0)) as probe:
        assert [probe.check().migrations for _ in range(2)] == ["pending", "pending"]
        ((level, line),) = told(caplog)
        assert (level, line.partition(":")[0]) == ("WARNING", "HEALTH_UNREADY not ready")
        assert "guestsql migrate up" in line
        Runner(Settings(), direct(empty_database_url)).up()
        with psycopg.connect(empty_database_url) as connection:
            connection.execute("DELETE FROM guestsql_migrations WHERE version IN (3, 5)")
        caplog.clear()
        assert probe.check().migrations == "pending"
        assert told(caplog) == []
        with psycopg.connect(empty_database_url) as connection:
            connection.execute("ALTER TABLE guestsql_migrations RENAME version TO number")
        assert probe.check().database == "refused"
        assert [line.partition(":")[0] for _, line in told(caplog)] == ["HEALTH_UNREADY not ready"]


@pytest.mark.parametrize("port", ["abc", "70000", "-1", "80.5"])
def test_a_port_that_is_none_is_reported_by_its_variable(port: str) -> None:
    done = invoke("health", PORT=port, DATABASE_URL="postgresql://127.0.0.1:1/x")
    assert done.exit_code == 2
    assert f"(env var: 'PORT'): {port!r} is not a port: a whole number from 0 to 65535" in done.stderr


def test_a_role_that_may_not_look_is_refused(migrated_url: str) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("DROP ROLE IF EXISTS health_stranger")
        connection.execute("CREATE ROLE health_stranger LOGIN")
    with closing(Probe(Settings(), make_conninfo(migrated_url, user="health_stranger"), seconds=30)) as probe:
        report = probe.check()
    assert (report.is_ready, report.database, report.sqlstate) == (False, "refused", "42501")


def test_a_server_that_does_not_answer_is_not_waited_for() -> None:
    """And it is asked once, however many ask."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"postgresql://someone@127.0.0.1:{silent.getsockname()[1]}/x?sslmode=disable&connect_timeout=60"
        probe = Probe(Settings(), url, seconds=0.2, pause=0)
        started = time.monotonic()
        reports = [probe.check() for _ in range(3)]
        assert time.monotonic() - started < 10
        assert {report.database for report in reports} == {"timeout"}
        assert sum(thread.name == "guestsql-health" for thread in threading.enumerate()) == 1
        silent.settimeout(0.5)
        silent.accept()[0].close()
        with pytest.raises(TimeoutError):
            silent.accept()
        probe.close()


def test_an_answer_is_given_again_for_a_while(migrated_url: str) -> None:
    """So that an endpoint that is open to anybody is no way to load the database."""
    with closing(Probe(Settings(), migrated_url, seconds=30, pause=3600)) as probe:
        assert probe.check().is_ready
        with psycopg.connect(migrated_url) as connection:
            connection.execute("DROP TABLE guestsql_migrations")
        assert probe.check().is_ready


@pytest.fixture
def slow() -> Iterator[tuple[HealthServer, threading.Event, threading.Event]]:
    asked, go_on = threading.Event(), threading.Event()

    def check() -> HealthReport:
        asked.set()
        assert go_on.wait(30)
        return READY

    with HealthServer(check, 0) as server:
        yield server, asked, go_on
        go_on.set()


def test_an_answer_that_is_under_way_is_finished(slow: tuple[HealthServer, threading.Event, threading.Event]) -> None:
    server, asked, go_on = slow
    port = server.port
    answers: list[int] = []
    client = threading.Thread(target=lambda: answers.append(get(port, "/ready")[0]))
    client.start()
    assert asked.wait(30)
    assert get(port, "/live")[0] == 200  # others are answered meanwhile
    closing = threading.Thread(target=server.close)
    closing.start()
    closing.join(0.5)
    assert closing.is_alive()
    go_on.set()
    closing.join()
    client.join()
    assert answers == [200]
    with pytest.raises(ConnectionRefusedError):
        get(port, "/live")


def test_a_check_that_fails_is_no_answer_and_no_end() -> None:
    def broken() -> HealthReport:
        raise ZeroDivisionError

    with HealthServer(broken, 0) as server:
        with pytest.raises(http.client.RemoteDisconnected):
            get(server.port, "/ready")
        assert get(server.port, "/live")[0] == 200


def test_a_port_that_is_taken() -> None:
    with HealthServer(lambda: READY, 0) as server, pytest.raises(SettingsError) as caught:
        HealthServer(lambda: READY, server.port)
    assert "choose another port" in str(caught.value)


def test_a_bot_serves_it_beside_itself(migrated_url: str) -> None:
    """A bot that is busy in its own thread answers all the same."""
    probe = Probe(Settings(database_url=migrated_url), seconds=30)
    with HealthServer(probe.check, 0, host="127.0.0.1") as server:
        assert get(server.port, "/ready")[0] == 200
        server.drain()
        assert get(server.port, "/ready")[0] == 503
    probe.close()
