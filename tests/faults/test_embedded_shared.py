"""The embedded server under several processes, killed ones, and awkward homes."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from guestsql.embedded import EmbeddedServer, find_binaries
from guestsql.embedded._account import Account, is_root, server_account
from guestsql.embedded._binaries import reachable_binaries
from guestsql.embedded._postmaster import find_postmaster, is_alive
from guestsql.errors import EmbeddedServerError
from tests.server import Worker, eventually, pg_bin, reachable_folder


@pytest.fixture
def home(embedded_home: Path) -> Path:
    """An empty home; nothing of it is left, whatever the test did."""
    return embedded_home


@pytest.fixture(scope="module")
def _prepared() -> Iterator[Path]:
    """A home whose server has been made and stopped: initdb takes longer than most tests."""
    with reachable_folder() as folder:
        with EmbeddedServer(folder, pg_bin()):
            pass
        yield folder


@pytest.fixture
def made_home(home: Path, _prepared: Path) -> Path:
    """A home of its own with a server that has been made and stopped."""
    subprocess.run(["cp", "-a", f"{_prepared}/.", home], check=True)
    return home


def _root(home: Path) -> Path:
    return home / f"postgres-{find_binaries(pg_bin()).major}"


def _postmaster(home: Path) -> psutil.Process | None:
    return find_postmaster(_root(home) / "data")


def _running(home: Path) -> psutil.Process:
    found = _postmaster(home)
    assert found is not None
    return found


def _value(url: str, statement: str) -> object:
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode()).fetchone()
    assert row is not None
    return row[0]


def _execute(url: str, statement: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(statement.encode())


def _worker(home: Path, *ids: object) -> Worker:
    return Worker("shared", home, pg_bin() or "", *ids)


def test_the_database_survives_and_the_last_to_leave_stops_the_server(made_home: Path) -> None:
    server = EmbeddedServer(made_home, pg_bin())
    with server as url:
        _execute(url, "CREATE TABLE kept (word text)")
        _execute(url, "INSERT INTO kept VALUES ('señor')")
        process = _running(made_home)
        own = server_account(Path("/nonexistent"))
        assert process.uids().real == (own.uid if own else os.geteuid())
    assert not is_alive(process)
    with server as url:
        assert _value(url, "SELECT word FROM kept") == "señor"
        assert _value(url, "SHOW timezone") == "UTC"
        assert _value(url, "SHOW listen_addresses") == ""
        assert _value(url, "SHOW fsync") == "on"
    assert _postmaster(made_home) is None


def test_it_works_for_an_ordinary_user(home: Path) -> None:
    ids: list[int] = []
    programs = find_binaries(pg_bin())
    if is_root():
        entry = pwd.getpwnam("nobody")
        ids = [entry.pw_uid, entry.pw_gid]
        os.chown(home, *ids)
        programs = reachable_binaries(programs, Account("nobody", *ids))
    with Worker("shared", home, programs.bin_dir, *ids) as worker:
        url = worker.answer()
        assert _value(url, "SELECT current_database()") == "guestsql"
        assert _running(home).uids().real == (ids[0] if ids else os.geteuid())
        worker.leave()
    assert _postmaster(home) is None


def test_two_processes_share_one_server_until_both_have_left(made_home: Path) -> None:
    with _worker(made_home) as first, _worker(made_home) as second:
        url = first.answer()
        assert second.answer() == url
        process = _running(made_home)
        second.leave()
        assert _value(url, "SELECT 1") == 1
        assert _running(made_home) == process
        first.leave("exit")  # atexit does the rest
    assert not is_alive(process)


def test_six_processes_at_once_on_a_cold_home_make_one_server(home: Path) -> None:
    workers = [_worker(home) for _ in range(6)]
    try:
        urls = {worker.answer() for worker in workers}
        assert len(urls) == 1
        assert _value(urls.pop(), "SELECT count(*) FROM pg_database WHERE datname = 'guestsql'") == 1
        process = _running(home)
        for worker in workers[:5]:
            worker.process.stdin.write("release\n")
            worker.process.stdin.flush()
        for worker in workers[:5]:
            worker.leave()
        assert is_alive(process)
        workers[5].leave()
        assert not is_alive(process)
    finally:
        for worker in workers:
            worker.__exit__()


def test_a_killed_user_does_not_count(made_home: Path) -> None:
    with _worker(made_home) as killed, _worker(made_home) as other:
        killed.answer()
        other.answer()
        process = _running(made_home)
        killed.kill()
        assert is_alive(process)
        other.leave()
    assert not is_alive(process)


def test_a_server_whose_every_user_was_killed_is_joined_and_stopped(made_home: Path) -> None:
    with _worker(made_home) as killed:
        url = killed.answer()
        killed.kill()
    process = _running(made_home)
    with EmbeddedServer(made_home, pg_bin()) as joined:
        assert joined == url
        assert _running(made_home) == process
    assert not is_alive(process)


def test_a_killed_postmaster_is_replaced_and_what_was_committed_is_there(made_home: Path) -> None:
    server = EmbeddedServer(made_home, pg_bin())
    with server as url, psycopg.connect(url, autocommit=True) as orphaned:
        orphaned.execute("CREATE TABLE kept AS SELECT 7 AS seven")
        killed = _running(made_home)
        os.kill(killed.pid, signal.SIGKILL)
        eventually(lambda: not is_alive(killed))
        assert (_root(made_home) / "data" / "postmaster.pid").exists()
        assert (_root(made_home) / "run" / ".s.PGSQL.5432.lock").exists()
        with server as again:
            assert again == url
            assert _value(again, "SELECT seven FROM kept") == 7
        assert _value(url, "SELECT 1") == 1  # the outer use still holds it
    assert _postmaster(made_home) is None


def test_a_pid_file_that_names_a_foreign_process_is_not_believed(made_home: Path) -> None:
    with EmbeddedServer(made_home, pg_bin()):
        pid_file = _root(made_home) / "data" / "postmaster.pid"
        lines = pid_file.read_text(encoding="utf-8").splitlines()
    lines[0] = str(os.getpid())
    pid_file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    (_root(made_home) / "run" / ".s.PGSQL.5432.lock").write_text("\n".join(lines[:5]) + "\n", encoding="utf-8")
    with EmbeddedServer(made_home, pg_bin()) as url:
        assert _value(url, "SELECT 1") == 1


def test_threads_of_one_process_count_as_one_user(made_home: Path) -> None:
    start = threading.Barrier(4)
    seen: list[object] = []

    def use() -> None:
        start.wait()
        with EmbeddedServer(made_home, pg_bin()) as url:
            seen.append(_value(url, "SELECT 1"))

    with EmbeddedServer(made_home, pg_bin()):
        threads = [threading.Thread(target=use) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == [1, 1, 1, 1]
        assert _postmaster(made_home) is not None
    assert _postmaster(made_home) is None


@pytest.mark.parametrize(
    "name",
    [
        "Recepción del hotel/año 'uno' \"dos\" $HOME `x` %41",
        "comma, and \\ too",
        "/".join(["a-rather-long-folder"] * 8),
    ],
    ids=["signs", "comma", "long"],
)
def test_a_home_may_have_any_name(home: Path, name: str) -> None:
    awkward = home / name
    with EmbeddedServer(awkward, pg_bin()) as url:
        assert _value(url, "SELECT 1") == 1
        folder = _value(url, "SHOW unix_socket_directories")
        port = psycopg.conninfo.conninfo_to_dict(url)
        assert Path(str(port["host"])).stat().st_mode & 0o077 == 0
        assert str(port["host"]) in str(folder).strip('"').replace('""', '"')
    if home not in Path(str(port["host"])).parents:
        shutil.rmtree(str(port["host"]))


def test_an_interrupted_initdb_is_no_cluster(home: Path) -> None:
    with _worker(home) as worker:
        eventually(lambda: list(_root(home).glob("data.partial-*/PG_VERSION")))
        worker.kill()
    assert not (_root(home) / "data").exists()
    with EmbeddedServer(home, pg_bin()) as url:
        assert _value(url, "SELECT 1") == 1


def test_a_server_that_does_not_start_says_what_its_log_says(made_home: Path) -> None:
    server = EmbeddedServer(made_home, pg_bin())
    with server:
        pass
    conf = _root(made_home) / "data" / "postgresql.auto.conf"
    conf.write_text("no_such_setting = 1\n", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="no_such_setting") as caught:
        server.acquire()
    assert str(_root(made_home) / "server.log") in caught.value.message
    assert "GUESTSQL_HOME" in caught.value.hint
    conf.write_text("", encoding="utf-8")
    with server as url:
        assert _value(url, "SELECT 1") == 1


def test_a_release_without_an_acquire_does_nothing(home: Path) -> None:
    EmbeddedServer(home, pg_bin()).release()
    assert list(home.iterdir()) == []


def test_a_home_that_is_a_file_is_an_error_with_a_hint(home: Path) -> None:
    (home / "file").write_text("", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="embedded server") as caught:
        EmbeddedServer(home / "file" / "home", pg_bin()).acquire()
    assert "GUESTSQL_HOME" in caught.value.hint
