"""Where a server's files lie, and the text of its settings and URL."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from guestsql.embedded import _places
from guestsql.embedded._account import Account, is_root
from guestsql.embedded._cluster import Endpoint
from guestsql.embedded._conf import conf_text, initdb_arguments
from guestsql.embedded._places import make_own_folder, server_base, socket_folder
from guestsql.embedded._postmaster import answers, find_postmaster
from guestsql.errors import EmbeddedServerError


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="guestsql-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture
def account() -> Account | None:
    """The other account when this is root, else None: the caller."""
    entry = pwd.getpwnam("nobody")
    return Account("nobody", entry.pw_uid, entry.pw_gid) if is_root() else None


@pytest.fixture
def system(open_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Replaces /var/lib."""
    folder = open_folder / "system"
    folder.mkdir()
    monkeypatch.setattr(_places, "_system_folders", lambda: [folder])
    return folder


def test_a_home_that_can_be_reached_is_the_place(open_folder: Path, system: Path, account: Account | None) -> None:
    home = open_folder / "new" / "home"
    assert server_base(home, account) == home
    assert home.is_dir()
    assert list(system.iterdir()) == []


def test_a_closed_home_of_root_has_a_stand_in_that_is_kept(
    open_folder: Path, system: Path, account: Account | None
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    home = closed / "home"
    base = server_base(home, account)
    if account is None:
        assert base == home
        return
    assert base.parent == system
    assert base.stat().st_uid == 0
    assert not home.exists()
    assert closed.stat().st_mode & 0o777 == 0o700
    closed.chmod(0o755)  # the data must not vanish when somebody opens the home
    assert server_base(home, account) == base
    assert server_base(open_folder / "closed" / "other", account) != base


def test_a_socket_folder_is_closed_to_others_and_found_again(open_folder: Path, account: Account | None) -> None:
    folder = socket_folder(open_folder, account)
    assert folder == open_folder / "run"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert folder.stat().st_uid == (account.uid if account else os.geteuid())
    assert socket_folder(open_folder, account) == folder


def test_a_long_path_has_a_short_socket_folder(open_folder: Path, account: Account | None) -> None:
    root = open_folder / ("long" * 30)
    folder = socket_folder(root, account)
    try:
        assert len(os.fsencode(folder / ".s.PGSQL.5432")) <= 103
        assert socket_folder(root, account) == folder
        assert socket_folder(root / "other", account) != folder
    finally:
        shutil.rmtree(folder)
        shutil.rmtree(socket_folder(root / "other", account))


@pytest.mark.parametrize("kind", ["link", "open", "foreign", "file"])
def test_a_folder_that_someone_else_prepared_is_refused(open_folder: Path, account: Account | None, kind: str) -> None:
    folder = open_folder / "run"
    if kind == "link":
        make_own_folder(open_folder / "elsewhere", account)
        folder.symlink_to(open_folder / "elsewhere")
    elif kind == "open":
        make_own_folder(folder, account)
        folder.chmod(0o755)
    elif kind == "foreign":
        # Root's folder is foreign to the account; for the caller, the system's own replaces it.
        if account is None:
            folder = Path("/usr")
        else:
            folder.mkdir(mode=0o700)
    else:
        folder.write_text("", encoding="utf-8")
    with pytest.raises(EmbeddedServerError, match="own account"):
        make_own_folder(folder, account)


def test_settings_are_quoted_and_the_given_ones_win() -> None:
    text = conf_text(Path("/it's/a\\b"), 5432, durable=True, settings={"timezone": "x'y"})
    assert "unix_socket_directories = '\"/it''s/a\\\\b\"'\n" in text
    assert "timezone = 'x''y'\n" in text
    assert "listen_addresses = ''\n" in text
    assert "fsync" not in text
    assert "fsync = 'off'\n" in conf_text(None, 1, durable=False, settings={})
    assert "listen_addresses = '127.0.0.1'\n" in conf_text(None, 1, durable=False, settings={})


def test_initdb_sorts_by_code_point_whatever_the_version() -> None:
    assert "--builtin-locale=C.UTF-8" in initdb_arguments(18, durable=True)
    assert "--locale-provider=builtin" not in initdb_arguments(15, durable=True)
    assert "--no-sync" in initdb_arguments(15, durable=False)


@pytest.mark.parametrize("folder", ["/tmp/é ñ", "/tmp/a%41&b=c?d#e@f:g"])
def test_a_url_gives_the_folder_back(folder: str) -> None:
    found = psycopg.conninfo.conninfo_to_dict(Endpoint(folder, 5432).url("año 1/2"))
    assert found == {"user": "postgres", "dbname": "año 1/2", "host": folder, "port": "5432"}


def test_a_url_of_loopback_carries_the_password() -> None:
    found = psycopg.conninfo.conninfo_to_dict(Endpoint("127.0.0.1", 6000, "a/b@c").url("guestsql"))
    assert found["password"] == "a/b@c"
    assert (found["host"], found["port"]) == ("127.0.0.1", "6000")


@pytest.mark.parametrize("text", ["", "\n", "abc\n", "99999999\n/d\n1\n5432\n/s\n\n"])
def test_a_pid_file_without_a_living_server(tmp_path: Path, text: str) -> None:
    (tmp_path / "postmaster.pid").write_text(text, encoding="utf-8")
    assert find_postmaster(tmp_path) is None


def test_a_socket_answers_while_somebody_listens(open_folder: Path) -> None:
    path = open_folder / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()
        assert answers(path)
    assert not answers(path)
