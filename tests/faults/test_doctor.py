"""`guestsql doctor`: each fault is real, is reported with its fix, and no password is printed."""

from __future__ import annotations

import functools
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import psycopg
import pytest
from click.testing import Result
from psycopg.conninfo import make_conninfo

from guestsql import GuestDatabase
from guestsql.embedded import PrivateServer
from guestsql.migrate import Runner
from guestsql.ops.doctor import CHECKS, Check, CheckResult, Diagnosis, Limits, Status, Target, diagnose, environment
from guestsql.ops.doctor.network import is_private
from guestsql.ops.doctor.server import version
from guestsql.settings import Settings
from guestsql.supported import OLDEST_POSTGRESQL
from tests.cli.shell import invoke
from tests.databases import GUEST
from tests.faults.conftest import PasswordServer
from tests.server import eventually
from tests.through_pooler import direct

Connection = psycopg.Connection[Any]
SECRET = "right-word"


@pytest.fixture(scope="module", autouse=True)
def _files_are_read_once() -> Iterator[None]:
    """The packaged ones, of which every run of the command reads each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(environment, "scan_queries", functools.cache(environment.scan_queries))
        yield


def doctor(url: str | None, **environment: str) -> tuple[Result, dict[str, dict[str, str]]]:
    """What the command printed, by check."""
    given = {"GUESTSQL_OWN_NUMBERS": "573000000099", **environment}
    result = invoke("doctor", **({"DATABASE_URL": url} if url else {}), **given)
    assert "word" not in result.output.replace("password", "")
    found = {each["check"]: each for each in json.loads(result.stdout)}
    assert list(found) == [check.name for check in CHECKS]
    faults = [each for each in found.values() if each["status"] == "fault"]
    assert all(each["advice"] for each in faults)
    assert result.exit_code == (1 if faults else 0)
    return result, found


def diagnosis_of(url: str, name: str, *, limits: Limits | None = None, **known: Any) -> Diagnosis:
    """One check's finding."""
    settings = known.pop("settings", Settings(database_url=url))
    with Target(settings, (), url, limits=limits or Limits(), **known) as target:
        return list(diagnose(target, _with_what_it_needs(name)))[-1]


def _with_what_it_needs(name: str) -> list[Check]:
    check = next(check for check in CHECKS if check.name == name)
    before = [each for need in check.needs for each in _with_what_it_needs(need)]
    return [*dict.fromkeys(before), check]


@pytest.fixture
def url(database_url: str) -> str:
    """A migrated database, with its ledger."""
    runner = Runner(Settings(), direct(database_url))
    runner.baseline(max(each.version for each in runner.plan()))
    return database_url


@pytest.fixture
def admin(url: str) -> Iterator[Connection]:
    with psycopg.connect(url, autocommit=True) as opened:
        yield opened


@pytest.fixture
def role(admin: Connection) -> Iterator[str]:
    """A login without any right."""
    admin.execute("DROP ROLE IF EXISTS doctor_visitor")
    admin.execute("CREATE ROLE doctor_visitor LOGIN")
    yield "doctor_visitor"
    admin.execute("REASSIGN OWNED BY doctor_visitor TO postgres")
    admin.execute("DROP OWNED BY doctor_visitor")
    admin.execute("DROP ROLE doctor_visitor")


def test_all_is_well(url: str) -> None:
    result, found = doctor(url)
    assert result.exit_code == 0
    assert result.stderr == "doctor: no faults\n"
    assert {each["status"] for each in found.values()} <= {"ok", "advice", "unknown"}
    assert found["migrations"]["status"] == found["login"]["status"] == found["clock"]["status"] == "ok"
    shown = invoke("doctor", "--format", "table", DATABASE_URL=url)
    assert shown.exit_code == 0
    assert "permission" in shown.stdout


def test_without_the_packaged_tables_nothing_is_said_of_guests(empty_database_url: str, tmp_path: Path) -> None:
    (tmp_path / "own.sql").write_text("-- name: get_one()$\nSELECT 1;\n", encoding="utf-8")
    known = {"DATABASE_URL": empty_database_url, "GUESTSQL_PACKAGED": "no"}
    result = invoke("doctor", "--format", "json", **known, GUESTSQL_QUERIES_DIR=str(tmp_path))
    found = {each["check"]: each for each in json.loads(result.stdout)}
    assert list(found) == [check.name for check in CHECKS if not check.is_of_guests]
    assert found["query files"]["message"] == f"1 query in {tmp_path}"
    assert {each["status"] for each in found.values()} <= {"ok", "unknown"}
    absent = invoke("doctor", "--format", "json", **known)
    files = next(each for each in json.loads(absent.stdout) if each["check"] == "query files")
    assert (files["status"], files["message"]) == ("fault", "there is no folder of queries")
    assert "GUESTSQL_QUERIES_DIR" in files["advice"]


@pytest.mark.parametrize(("major", "status"), [(OLDEST_POSTGRESQL - 1, "fault"), (OLDEST_POSTGRESQL, "ok")])
def test_the_lowest_version(url: str, major: int, status: str) -> None:
    with Target(Settings(database_url=url), (), url) as target:
        target._facts = target.facts._replace(version_number=major * 10_000 + 9)
        assert version(target).status == status


def test_a_table_breaks_no_word(url: str, role: str) -> None:
    """What is advised can be copied, at 80 columns as in a pipe."""
    visitor = make_conninfo(url, user=role)
    whole = {each["check"]: each for each in json.loads(invoke("doctor", DATABASE_URL=visitor).stdout)}
    shown = invoke("doctor", "--format", "table", DATABASE_URL=visitor).stdout
    words = shown.split()
    for check in ("address", "migrations", "permission", "extension"):
        told = whole[check]["message"].split() + whole[check]["advice"].split()
        assert not [word for word in told if word not in words]
    assert "GUESTSQL_OWN_NUMBERS" in words
    assert any(line.lstrip().startswith("fix: as the owner: GRANT guestsql_bot") for line in shown.splitlines())
    assert not [line for line in shown.splitlines() if len(line) > 80 and " " in line[36:].strip()]
    assert not [line for line in shown.splitlines() if line != line.rstrip()]


UNRESOLVABLE = f"postgresql://bot:{SECRET}@no-such-host.invalid/hotel"
FAR = "skipped"


@pytest.mark.parametrize(
    ("address", "check", "message", "advice"),
    [
        (f"mysql://bot:{SECRET}@host/x", "address", "its scheme is not", "postgresql://user"),
        (f"postgresql://bot:{SECRET}@host:none/x", "address", "does not parse", "percent-encoded"),
        ("postgresql://bot:${{Postgres.PGPASSWORD}}@h/x", "address", "still a sample", "real address"),
        (f"postgresql://bot:{SECRET}@host/x", "address", "still a sample", "real address"),
        (UNRESOLVABLE, "dns", "unknown: no-such-host.invalid", "check the host"),
        (f"postgresql://bot:{SECRET}@127.0.0.1:1/hotel", "port", "connection refused", "nothing listens"),
        (
            f"postgresql://bot:{SECRET}@%2Fno%2Fsuch%2Ffolder/hotel",
            "port",
            "No such file",
            "there is no socket of a server",
        ),
    ],
    ids=["scheme", "port no number", "placeholder", "sample", "dns", "refused", "socket"],
)
def test_the_way_there(address: str, check: str, message: str, advice: str) -> None:
    _, found = doctor(address)
    assert found[check]["status"] == "fault"
    assert message in found[check]["message"]
    assert advice in found[check]["advice"]
    assert found["login"]["status"] == found["migrations"]["status"] == FAR


@contextmanager
def answering(answer: bytes) -> Iterator[str]:
    """Something that answers so to whatever it is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                with client:
                    if client.recv(100):
                        client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"postgresql://bot:{SECRET}@127.0.0.1:{listener.getsockname()[1]}/hotel"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_something_else_listens_there() -> None:
    with answering(b"HTTP/1.1 400 Bad Request\r\n\r\n") as address:
        _, found = doctor(address)
    assert found["tls"]["status"] == "fault"
    assert "is not PostgreSQL" in found["tls"]["message"]


def test_tls_that_is_wanted_and_not_offered(password_server: PasswordServer) -> None:
    _, found = doctor(password_server.url(sslmode="require"))
    assert found["tls"]["status"] == "fault"
    assert "which sslmode=require requires" in found["tls"]["message"]


@pytest.mark.parametrize(
    ("address", "private"),
    [
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("fd12::1", True),
        ("fe80::1%eth0", True),
        ("/run/postgresql", True),
        ("8.8.8.8", False),
        ("2606:4700::1", False),
        ("db.example.com", False),
    ],
)
def test_what_is_private(address: str, private: bool) -> None:
    assert is_private(address) is private


@pytest.mark.parametrize(
    ("change", "message", "advice"),
    [
        ({"password": "wrong-word"}, "password authentication failed", "the password is wrong"),
        ({"user": "nobody_here"}, "password authentication failed", "the role does not exist"),
        ({"user": "blocked"}, "pg_hba.conf rejects", "pg_hba.conf on the server"),
        ({"dbname": "nowhere"}, 'database "nowhere" does not exist', "there is no such database"),
    ],
    ids=["password", "role", "pg_hba", "database"],
)
def test_the_login(password_server: PasswordServer, change: dict[str, Any], message: str, advice: str) -> None:
    _, found = doctor(password_server.url(**change))
    assert [name for name, each in found.items() if each["status"] == "fault"] == ["login"]
    assert message in found["login"]["message"]
    assert advice in found["login"]["advice"]


def test_a_database_that_may_not_be_connected_to_and_one_that_is_full(password_server: PasswordServer) -> None:
    with psycopg.connect(password_server.server.url(), autocommit=True) as connection:
        connection.execute("CREATE DATABASE closed_house")
        connection.execute("REVOKE CONNECT ON DATABASE closed_house FROM PUBLIC")
        connection.execute("CREATE DATABASE doctor_full CONNECTION LIMIT 0")
    closed = doctor(password_server.url("closed_house"))[1]["login"]
    assert "GRANT CONNECT" in closed["advice"]
    full = doctor(password_server.url("doctor_full"))[1]["login"]
    assert "too many connections" in full["message"]
    assert "ALTER DATABASE … CONNECTION LIMIT" in full["advice"]
    assert "max_connections" not in full["advice"]


def test_migrations(empty_database_url: str) -> None:
    _, found = doctor(empty_database_url)
    assert found["migrations"]["message"] == "no migration is applied: the tables do not exist"
    assert found["migrations"]["advice"] == "guestsql migrate up"
    assert found["permission"]["status"] == "fault"
    Runner(Settings(), direct(empty_database_url)).up()
    with psycopg.connect(empty_database_url, autocommit=True) as connection:
        newest = connection.execute("SELECT version, name FROM guestsql_migrations ORDER BY 1 DESC LIMIT 1").fetchone()
        assert newest is not None
        connection.execute("DELETE FROM guestsql_migrations WHERE version = %s", newest[:1])
        pending = doctor(empty_database_url)[1]["migrations"]
        assert (pending["status"], pending["message"]) == ("fault", f"pending: {newest[0]:04d}_{newest[1]}")
        connection.execute("UPDATE guestsql_migrations SET checksum = 'x', body = 'x' WHERE version = 2")
    edited = doctor(empty_database_url)[1]["migrations"]
    assert edited["message"] == "0002_historical_clients is changed"
    assert "guestsql migrate verify" in edited["advice"]


def test_a_role_without_rights(url: str, admin: Connection, role: str) -> None:
    _, found = doctor(make_conninfo(url, user=role))
    assert found["migrations"]["status"] == "unknown"
    assert "doctor_visitor may not read which migrations are applied: permission" in found["migrations"]["message"]
    assert "GRANT guestsql_bot TO doctor_visitor" in found["migrations"]["advice"]
    assert found["permission"]["message"] == "doctor_visitor lacks DELETE, INSERT, SELECT, UPDATE on guest_profiles"
    admin.execute("GRANT SELECT ON guestsql_migrations, guestsql_grants TO doctor_visitor")
    _, found = doctor(make_conninfo(url, user=role))
    assert found["permission"]["status"] == "fault"
    assert "DELETE, INSERT, SELECT, UPDATE on campaigns; " in found["permission"]["message"]
    assert "GRANT guestsql_bot TO doctor_visitor" in found["permission"]["advice"]


@pytest.mark.parametrize(
    ("group", "permission"),
    [
        ("guestsql_bot", "has the rights of a bot"),
        ("guestsql_monitor", "has guestsql_monitor"),
        ("guestsql_marketing", "has guestsql_marketing"),
    ],
)
def test_the_bot_and_the_monitor_are_well(url: str, admin: Connection, role: str, group: str, permission: str) -> None:
    admin.execute(f"GRANT {group} TO {role}".encode())
    result, found = doctor(make_conninfo(url, user=role))
    assert result.exit_code == 0, found
    assert permission in found["permission"]["message"]
    assert found["migrations"]["status"] == "ok"


def test_an_invalid_index(url: str, admin: Connection) -> None:
    admin.execute(
        "INSERT INTO guest_profiles (phone_number, user_name) VALUES ('573000000001', 'a'), ('573000000002', 'a')"
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        admin.execute("CREATE UNIQUE INDEX CONCURRENTLY broken ON guest_profiles (user_name)")
    _, found = doctor(url)
    assert found["indexes"]["status"] == "fault"
    assert found["indexes"]["message"] == "invalid: broken of guest_profiles"
    assert "REINDEX INDEX CONCURRENTLY broken" in found["indexes"]["advice"]


def _told(url: str) -> tuple[Status, str]:
    found = diagnosis_of(url, "connections")
    return found.status, found.message


def _faults(url: str) -> list[str]:
    return [name for name, each in doctor(url)[1].items() if each["status"] == "fault"]


def _sessions(admin: Connection, role: str) -> int:
    row = admin.execute("SELECT count(*) FROM pg_stat_activity WHERE usename = %s", [role]).fetchone()
    return int(row[0]) if row else 0


@pytest.mark.direct("a pooler keeps its sessions")
def test_connection_limits(url: str, admin: Connection, role: str) -> None:
    admin.execute("GRANT guestsql_bot TO doctor_visitor")
    admin.execute("ALTER ROLE doctor_visitor CONNECTION LIMIT 3")
    mine = make_conninfo(url, user=role)
    assert diagnosis_of(mine, "connections").status is Status.OK
    # A session counts until its process has ended, a little after its client has closed it.
    eventually(lambda: _sessions(admin, role) == 0)
    with psycopg.connect(mine), psycopg.connect(mine):
        eventually(lambda: _sessions(admin, role) == 2)
        full = (Status.FAULT, "3 of 3 connections of the role doctor_visitor are in use")
        # The session of the previous check may still count.
        eventually(lambda: _told(mine) == full)
    admin.execute("ALTER ROLE doctor_visitor CONNECTION LIMIT 1")
    eventually(lambda: _faults(mine) == ["connections"])
    admin.execute("ALTER ROLE doctor_visitor CONNECTION LIMIT 0")
    _, found_all = doctor(mine)
    assert _faults(mine) == ["login"]
    assert "ALTER ROLE … CONNECTION LIMIT" in found_all["login"]["advice"]
    assert "max_connections" not in found_all["login"]["advice"]
    assert diagnosis_of(url, "connections", limits=Limits(connection_share=0.0)).status is Status.FAULT
    too_many = diagnosis_of(url, "connections", settings=Settings(database_url=url, pool_max=5000))
    assert "GUESTSQL_POOL_MAX is 5000" in too_many.message


class FakePooler:
    """Reports another process number to the client than the server's, as every pooler does."""

    def __init__(self, server: PrivateServer) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.path = f"{server.socket_dir}/.s.PGSQL.{server.port}"
        self.threads = [threading.Thread(target=self._accept)]
        self.threads[0].start()

    def url(self, url: str) -> str:
        return make_conninfo(
            url, host="127.0.0.1", port=self.listener.getsockname()[1], sslmode="disable", gssencmode="disable"
        )

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.socket(socket.AF_UNIX)
            server.connect(self.path)
            for source, target, told in ((client, server, False), (server, client, True)):
                thread = threading.Thread(target=_pump, args=(source, target, told))
                thread.start()
                self.threads.append(thread)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for thread in self.threads:
            thread.join()


def _pump(source: socket.socket, target: socket.socket, told: bool) -> None:
    head = b"K" + struct.pack("!i", 12)
    with source:
        while data := _received(source):
            at = data.find(head) if told else -1
            if at >= 0 and len(data) == at + 13 + 6:  # BackendKeyData, then ReadyForQuery ends the login
                data = data[: at + 5] + struct.pack("!i", 99_999_999) + data[at + 9 :]
            try:
                target.sendall(data)
            except OSError:
                break
        try:
            target.shutdown(socket.SHUT_RDWR)
        except OSError:
            return


def _received(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""


@pytest.mark.direct("has a pooler of its own")
def test_a_pooler_in_the_way(server: PrivateServer, url: str) -> None:
    with FakePooler(server) as pooler:
        behind = pooler.url(url)
        _, found = doctor(behind)
        assert found["pooler"]["status"] == "advice"
        assert "DATABASE_UNPOOLED_URL" in found["pooler"]["advice"]
        _, found = doctor(behind, DATABASE_UNPOOLED_URL=url)
        assert found["pooler"]["status"] == found["direct address"]["status"] == "ok"
        _, found = doctor(behind, DATABASE_UNPOOLED_URL=make_conninfo(behind, application_name="x"))
        assert found["direct address"]["status"] == "fault"
    assert "points to the server itself" in diagnosis_of(url, "pooler").message


def test_the_other_addresses(url: str, password_server: PasswordServer) -> None:
    wrong = password_server.url(password="wrong-word")
    _, found = doctor(url, DATABASE_UNPOOLED_URL=wrong, DATABASE_REPLICA_URL=wrong)
    assert found["direct address"]["status"] == found["replica"]["status"] == "fault"
    assert "copy DATABASE_REPLICA_URL again" in found["replica"]["advice"]
    _, found = doctor(url, DATABASE_REPLICA_URL=url)
    assert found["replica"]["message"] == "DATABASE_REPLICA_URL points to a writable server"


@pytest.mark.parametrize(("shift", "word"), [(60.0, "behind"), (-60.0, "ahead of")])
def test_clocks_that_differ(url: str, shift: float, word: str) -> None:
    found = diagnosis_of(url, "clock", clock=lambda: time.time() + shift)
    assert found.status is Status.FAULT
    assert f" s {word} this machine's" in found.message
    assert "NTP" in found.advice


@pytest.mark.direct("a pooler takes no options=")
def test_a_read_only_database(url: str) -> None:
    found = diagnosis_of(make_conninfo(url, options="-c default_transaction_read_only=on"), "writable")
    assert found.status is Status.FAULT
    assert "default_transaction_read_only" in found.advice


def test_stale_statistics(url: str, admin: Connection) -> None:
    admin.execute("""
        INSERT INTO guest_profiles (phone_number)
        SELECT 573000000000 + number FROM generate_series(1, 1500) AS number
    """)
    admin.execute("SELECT pg_stat_force_next_flush()")
    admin.execute("SELECT 1")
    admin.execute("ANALYZE guest_ids")
    found = diagnosis_of(url, "statistics")
    assert found.status is Status.FAULT
    assert found.message == "stale: 1,500 rows of guest_profiles changed since ANALYZE"
    assert found.advice.startswith("ANALYZE guest_profiles")
    admin.execute("ANALYZE guest_profiles")
    assert diagnosis_of(url, "statistics").status is Status.OK


def test_two_spellings(url: str, admin: Connection) -> None:
    assert diagnosis_of(url, "two spellings").status is Status.OK
    # From the time before ids were kept.
    admin.execute(
        "INSERT INTO guest_profiles (phone_number) VALUES ('5215512345678'), ('525512345678'), ('573000000001')"
    )
    found = diagnosis_of(url, "two spellings")
    assert (found.status, found.message.split()[-1]) == (Status.ADVICE, "1")
    with GuestDatabase(url) as db:
        [found] = db.queries.list_guests_with_two_spellings()
        assert found.command == "guestsql guest merge 5215512345678 525512345678"
        db.merge_guests(found.phone_number, found.duplicate)
    assert diagnosis_of(url, "two spellings").status is Status.OK


def test_contact_rules(url: str, admin: Connection) -> None:
    assert diagnosis_of(url, "contact rules").message == "no campaign has planned actions"
    with GuestDatabase(url) as db:
        db.set_next_action(GUEST, datetime.now(UTC), purpose="service", note="call")
        found = diagnosis_of(url, "contact rules")
        assert (found.status, found.advice.split()[:4]) == (Status.FAULT, ["guestsql", "campaign", "holidays", "CO"])
        for year in range(2020, 2100):
            db.queries.replace_holidays(country="CO", year=year, holiday_dates=[], holiday_names=[], source="test")
    found = diagnosis_of(url, "contact rules")
    assert (found.status, found.message.split()[-1]) == (Status.ADVICE, "9")
    for table in ("contact_profiles", "contact_hours", "contact_caps"):
        admin.execute(f"UPDATE {table} SET is_confirmed = TRUE WHERE profile = 'CO'".encode())
    assert diagnosis_of(url, "contact rules").status is Status.OK


def test_erasures(url: str, tmp_path: Path) -> None:
    log = tmp_path / "erasures.log"
    key = "k" * 32

    def found(**known: Any) -> tuple[Status, str]:
        diagnosis = diagnosis_of(url, "erasures", settings=Settings(database_url=url, **known))
        return diagnosis.status, diagnosis.message

    assert found() == (Status.OK, "no guest was erased")
    with GuestDatabase(url) as db:
        db.forget_guest(GUEST)
    assert found()[1].startswith("GUESTSQL_ERASURE_KEY is not set")
    assert found(erasure_key=key)[1].startswith("GUESTSQL_ERASURE_LOG is not set")
    assert "does not exist here" in found(erasure_key=key, erasure_log=log)[1]
    with GuestDatabase(settings=Settings(database_url=url, erasure_key=key, erasure_log=log)) as db:
        db.forget_guest("573000000002")
    assert found(erasure_key=key, erasure_log=log)[0] is Status.OK
    log.chmod(0o644)
    assert found(erasure_key=key, erasure_log=log) == (Status.ADVICE, f"others than its owner may read or write {log}")
    status, message = found(erasure_key="n" * 32)
    assert (status, message.split()[-1]) == (Status.FAULT, "1")
    assert found(erasure_key=f"{'n' * 32},{key}", erasure_log=log)[0] is Status.ADVICE


def test_future_times(url: str, admin: Connection) -> None:
    assert diagnosis_of(url, "future times").status is Status.OK
    admin.execute("""
        INSERT INTO guest_profiles (phone_number, first_interaction, last_interaction, thread_created_at, created_at)
        VALUES
        ('573000000001', '2025-01-01', '2099-01-01', NULL, '2025-01-01'),
        ('573000000002', NULL, NULL, '2099-01-01', '2025-01-01'),
        ('573000000003', '2098-01-01', NULL, NULL, '2099-01-01'),
        ('573000000004', '2025-01-01', '2025-01-02', NULL, '2025-01-01')
    """)
    found = diagnosis_of(url, "future times")
    assert (found.status, found.message.split()[-1]) == (Status.FAULT, "3")
    before = admin.execute("SELECT * FROM guest_profiles WHERE phone_number = '573000000004'").fetchone()
    assert "guestsql query run limit_future_times" in found.advice
    with GuestDatabase(url) as db:
        assert [db.queries.limit_future_times(max_rows=2) for _ in range(3)] == [2, 1, 0]
    assert diagnosis_of(url, "future times").status is Status.OK
    rows = admin.execute("""
        SELECT first_interaction, last_interaction IS NULL, thread_created_at IS NULL, created_at <= updated_at
        FROM guest_profiles ORDER BY phone_number LIMIT 3
    """).fetchall()
    assert [row[1:] for row in rows] == [(False, True, True), (True, False, True), (True, True, True)]
    assert (rows[0][0], rows[1][0]) == (datetime(2025, 1, 1, tzinfo=UTC), None)
    assert admin.execute("SELECT * FROM guest_profiles WHERE phone_number = '573000000004'").fetchone() == before


def test_slow_queries_and_the_extension(url: str, admin: Connection) -> None:
    limits = Limits(slow_milliseconds=0.0, slow_calls=3)
    missing = diagnosis_of(url, "extension")
    assert (missing.status, missing.advice) == (Status.ADVICE, "CREATE EXTENSION pg_stat_statements")
    assert diagnosis_of(url, "slow queries", limits=limits).status is Status.UNKNOWN
    admin.execute("CREATE EXTENSION pg_stat_statements")
    assert diagnosis_of(url, "extension").status is Status.OK
    assert diagnosis_of(url, "slow queries").status is Status.OK
    for _ in range(3):
        admin.execute("/* q=get_slowly */ SELECT count(*) FROM guest_profiles")
    found = diagnosis_of(url, "slow queries", limits=limits)
    assert found.status is Status.ADVICE
    assert "guestsql query explain" in found.advice


def test_a_session_that_holds_up_others(url: str) -> None:
    with psycopg.connect(url) as idle:
        idle.execute("SELECT 1")
        found = diagnosis_of(url, "sessions", limits=Limits(session_seconds=0.0))
    assert found.status is Status.FAULT
    assert "sessions that have been idle in a transaction for over 0 s: 1" in found.message


def test_what_another_role_may_not_see_is_no_fault(url: str, admin: Connection, role: str) -> None:
    found = diagnosis_of(make_conninfo(url, user=role), "sessions")
    assert found.status is Status.UNKNOWN
    assert "GRANT pg_monitor" in found.advice
    assert admin.closed == 0


def test_disk_and_wraparound(url: str) -> None:
    assert diagnosis_of(url, "disk", limits=Limits(free_bytes=10**18)).status is Status.FAULT
    assert diagnosis_of(url, "wraparound", limits=Limits(wraparound=0)).status is Status.FAULT
    assert diagnosis_of(url, "wraparound").status is Status.OK


def test_the_disk_of_a_server_on_127_0_0_1(password_server: PasswordServer, monkeypatch: pytest.MonkeyPatch) -> None:
    with psycopg.connect(password_server.server.url(), autocommit=True) as connection:
        unknown = diagnosis_of(password_server.url(), "disk")
        assert unknown.status is Status.UNKNOWN
        assert "visitor may not see the data directory" in unknown.message
        assert "as a superuser: GRANT pg_read_all_settings TO visitor" in unknown.advice
        connection.execute("GRANT pg_read_all_settings TO visitor")
        try:
            assert " MB are free in " in diagnosis_of(password_server.url(host="localhost"), "disk").message
            assert " MB are free in " in diagnosis_of(password_server.url(), "disk").message
            monkeypatch.setattr("guestsql.ops.doctor.server._PROCESSES", Path("/no/such/folder"))  # as through a tunnel
            assert "another machine" in diagnosis_of(password_server.url(), "disk").message
        finally:
            connection.execute("REVOKE pg_read_all_settings FROM visitor")


def _read_the_ledger(target: Target) -> CheckResult:
    target.connection.execute("TABLE guestsql_migrations")
    return CheckResult(Status.OK, "")


def test_a_query_that_does_not_end_is_reported_and_hides_no_other(url: str, admin: Connection) -> None:
    with psycopg.connect(url) as locking:
        locking.execute("LOCK TABLE guestsql_migrations IN ACCESS EXCLUSIVE MODE")
        limits = Limits(seconds=4.0)
        with Target(Settings(database_url=url), (), url, limits=limits) as target:
            others = [replace(check, needs=()) for check in CHECKS if check.name in ("wraparound", "statistics")]
            found = list(diagnose(target, [Check("locked", _read_the_ledger), *others]))
    assert found[0].status is Status.FAULT
    assert "no answer within 4 s" in found[0].message
    assert [each.status for each in found[1:]] == [Status.OK, Status.OK]
    assert admin.closed == 0


@pytest.mark.parametrize(
    ("variables", "check", "status", "said"),
    [
        ({"GUESTSQL_TIMEZONE": "Mars/Base"}, "settings", "fault", "GUESTSQL_TIMEZONE"),
        ({"GUESTSQL_POOL_MAX": "many", "GUESTSQL_TIMEZONE": "Mars"}, "settings", "fault", "GUESTSQL_POOL_MAX"),
        ({"GUESTSQL_POOL_MIN": "20"}, "settings", "fault", "GUESTSQL_POOL_MAX"),
        ({"GUESTSQL_QUERIES_DIR": "/no/such"}, "settings", "fault", "GUESTSQL_QUERIES_DIR"),
        ({"GUESTSQL_TIMEZON": "UTC"}, "unknown variables", "advice", "unknown: GUESTSQL_TIMEZON in the environment"),
        ({"GUESTSQL_OWN_NUMBERS": "abc"}, "own numbers", "fault", "GUESTSQL_OWN_NUMBERS"),
    ],
    ids=["zone", "two", "pair", "folder", "misspelt", "number"],
)
def test_variables(variables: dict[str, str], check: str, status: str, said: str, url: str) -> None:
    _, found = doctor(url, **variables)
    assert found[check]["status"] == status
    assert said in found[check]["message"]
    assert found["login"]["status"] == "ok"


def test_misspelt_variables_of_the_env_file(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / ".env"
    file.write_text(f"DATABASE_URI={url}\nGUESTSQL_TIMEZONE=UTC\nGUESTSQL_COFFEE=1\nOTHER=1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    found = diagnosis_of(url, "unknown variables", environ={"DATABASE_PUBLIC_URL": url, "guestsql_pool_maxx": "5"})
    assert (found.status, found.message) == (
        Status.ADVICE,
        f"unknown: DATABASE_URI in {file}, GUESTSQL_COFFEE in {file}, guestsql_pool_maxx in the environment",
    )
    assert "write DATABASE_URL instead of DATABASE_URI; write GUESTSQL_POOL_MAX instead of" in found.advice
    assert found.advice.endswith("remove GUESTSQL_COFFEE")


def test_an_address_that_was_put_elsewhere_is_not_printed_either(url: str) -> None:
    _, found = doctor(url, GUESTSQL_TIMEZONE=f"postgresql://bot:{SECRET}@host/hotel")
    assert "no time zone is named an address" in found["settings"]["message"]


def test_query_files_that_cannot_be_read(url: str, tmp_path: Any) -> None:
    (tmp_path / "mine.sql").write_text("-- name: get_one()$\nSELECT 'one;\n", encoding="utf-8")
    _, found = doctor(url, GUESTSQL_QUERIES_DIR=str(tmp_path))
    assert found["query files"]["status"] == "fault"
    assert "mine.sql:2" in found["query files"]["message"]
    assert "unset GUESTSQL_QUERIES_DIR" in found["query files"]["advice"]
    assert found["indexes"]["status"] == found["sessions"]["status"] == "ok"  # the others have been tried


def test_without_an_address_the_embedded_server_is_looked_at(tmp_path: Any) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    _, found = doctor(None, GUESTSQL_HOME=str(tmp_path / "file"))
    assert found["embedded server"]["status"] == "fault"
    assert "DATABASE_URL is not set" in found["embedded server"]["message"]
    assert found["address"]["status"] == found["login"]["status"] == FAR
    _, found = doctor(None, GUESTSQL_HOME=str(tmp_path), GUESTSQL_PG_BIN=str(tmp_path))
    assert found["embedded server"]["status"] == "fault"
    assert GUEST not in str(found)


def test_messages_and_replies(url: str, admin: Connection) -> None:
    for name in ("messages", "replies"):
        assert diagnosis_of(url, name).status is Status.OK
    admin.execute("""
        INSERT INTO operations (source, operation_id, attempts, done_at)
        SELECT 'whatsapp', 'wamid.' || number, 3, statement_timestamp() FROM generate_series(1, 20) AS numbers (number)
    """)
    found = diagnosis_of(url, "messages")
    assert found.message == "messages of the last hour: 20, delivered again: 40 times"
    admin.execute("""
        INSERT INTO operations (source, operation_id, phone_number, lease, lease_until, claimed_at, done_at)
        SELECT 'whatsapp', 'wamid.0', '573000000001', gen_random_uuid(), since, since, NULL
        FROM (SELECT statement_timestamp() - INTERVAL '6 minutes' AS since) AS times
    """)
    found = diagnosis_of(url, "messages")
    assert (found.status, found.message.split()[-1]) == (Status.ADVICE, "1")
    with GuestDatabase(url) as db:
        db.queue_reply(GUEST, {"text": "late"})
        db.queue_reply("573000000002", {"text": "dead"})
        [late, dead] = db.claim_replies()
        db.reply_failed(dead, "no WhatsApp", max_attempts=1)
        assert diagnosis_of(url, "replies").message == "dead letters: 1"
        admin.execute("UPDATE outbox SET due_at = due_at - INTERVAL '1 hour'")
        found = diagnosis_of(url, "replies")
        assert (found.status, found.message.endswith("; dead letters: 1")) == (Status.FAULT, True)
        db.queue_reply("573000000003", {"text": "failing"})
        db.reply_failed(db.claim_replies(gateway="whatsapp")[-1], "down")
        assert diagnosis_of(url, "replies").status is Status.ADVICE
        assert late.reply_id == 1
