"""The private server: it obeys its owner, and never outlives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psutil
import psycopg
import pytest

from guestsql.embedded import PrivateServer
from guestsql.embedded._postmaster import is_alive
from guestsql.errors import EmbeddedServerError
from tests.server import Worker, eventually, pg_bin, reachable_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for servers that their account can reach."""
    with reachable_folder() as made:
        yield made


def _count(server: PrivateServer) -> object:
    with psycopg.connect(server.url()) as connection:
        row = connection.execute("SELECT count(*) FROM kept").fetchone()
    assert row is not None
    return row[0]


def test_data_outlives_a_crash_a_stop_and_a_restart(folder: Path) -> None:
    with PrivateServer(folder / "server", pg_bin(), settings={"application_name": "it's"}) as server:
        url, pid = server.url(), server.pid
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
            assert connection.execute("SHOW application_name").fetchone() == ("it's",)
            assert connection.execute("SHOW wal_level").fetchone() == ("replica",)
            connection.execute("CREATE EXTENSION pg_stat_statements")
            server.kill()
            with pytest.raises(psycopg.OperationalError):
                connection.execute("SELECT 1")
        with pytest.raises(EmbeddedServerError, match="is not running"):
            assert server.pid
        assert _count(server.start()) == 1
        assert server.pid != pid
        server.stop()
        server.start()
        server.restart()
        assert server.url() == url
        assert _count(server) == 1
        assert server.run("pg_controldata", ["-D", server.directory / "data"]).returncode == 0
    assert not (folder / "server").exists()


def test_it_dies_with_an_owner_that_is_killed(folder: Path) -> None:
    with Worker("private", folder / "server", pg_bin() or "") as owner:
        pid, directory = owner.answer().split(maxsplit=1)
        postmaster = psutil.Process(int(pid))
        assert is_alive(postmaster)
        owner.kill()
    eventually(lambda: not is_alive(postmaster))
    eventually(lambda: not Path(directory).exists())


def test_nothing_is_left_of_an_owner_that_is_killed_while_it_makes_the_server(folder: Path) -> None:
    with Worker("private", folder / "server", pg_bin() or "") as owner:
        eventually(lambda: list(folder.glob("server/data.partial-*/PG_VERSION")))
        owner.kill()
    eventually(lambda: not (folder / "server").exists())


def test_a_durable_one_is_kept(folder: Path) -> None:
    with PrivateServer(folder / "server", pg_bin(), ephemeral=False) as server:
        postmaster = psutil.Process(server.pid)
        with psycopg.connect(server.url(), autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
    assert not is_alive(postmaster)
    with PrivateServer(folder / "server", pg_bin(), ephemeral=False) as server:
        assert _count(server) == 1


def test_a_folder_with_other_files_is_refused_and_kept(folder: Path) -> None:
    (folder / "full").mkdir()
    (folder / "full" / "letter.txt").write_text("dear guest", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="not empty"):
        PrivateServer(folder / "full", pg_bin()).start()
    assert (folder / "full" / "letter.txt").read_text(encoding="utf-8") == "dear guest"


def test_an_unreachable_folder_is_replaced_by_one_that_is(folder: Path) -> None:
    folder.chmod(0o700)
    with PrivateServer(folder / "server", pg_bin()) as server:
        directory = server.directory
        with psycopg.connect(server.url()) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    assert not directory.exists()
    assert folder.stat().st_mode & 0o777 == 0o700


def test_a_bad_setting_is_quoted_from_the_log_and_leaves_nothing(folder: Path) -> None:
    server = PrivateServer(folder / "server", pg_bin(), settings={"no_such_setting": "1"})
    with pytest.raises(EmbeddedServerError, match="no_such_setting"):
        server.start()
    assert not (folder / "server").exists()
    with pytest.raises(EmbeddedServerError, match="not started"):
        server.url()
