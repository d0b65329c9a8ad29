"""Every file that holds guests or secrets is its owner's only, whatever the umask: the list is complete."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from guestsql import GuestDatabase
from guestsql.legacy import import_directory
from guestsql.legacy.cleanup import cleanup_directory, restore_directory
from guestsql.legacy.exporting import export_directory
from guestsql.settings import Settings
from tests.cli.shell import ROOT, invoke
from tests.databases import GUEST, make_settings

pytestmark = pytest.mark.once

# Each module that writes files. Those of the first kind are run below; the second kind holds no guest's data; the
# folders and files of the embedded server have tests of their own, tests/unit/test_embedded_places.py.
PRIVATE = {"erasure_log.py", "report/files.py", "legacy/storage.py", "legacy/exporting/directory.py"}
CODE = {
    "sql/overrides.py",
    "stubs/files.py",
    "migrate/files.py",
    "cli/demo.py",
    "cli/check_against.py",
    "against/manifest.py",
    "against/release.py",
}
EMBEDDED = {"embedded/_cluster.py"}
WRITES = re.compile(r'write_text\(|write_bytes\(|\.open\("[wxa]|mkstemp\(|NamedTemporaryFile\(|O_CREAT')


@pytest.fixture(autouse=True)
def _open_umask() -> Iterator[None]:
    kept = os.umask(0)
    yield
    os.umask(kept)


def test_every_module_that_writes_files_is_listed() -> None:
    package = ROOT / "guestsql"
    found = {
        file.relative_to(package).as_posix()
        for file in package.rglob("*.py")
        if WRITES.search(file.read_text(encoding="utf-8"))
    }
    known = PRIVATE | CODE | EMBEDDED
    assert [each for each in found if not each.endswith(tuple(known))] == []
    assert [each for each in known if not any(name.endswith(each) for name in found)] == []


def test_files_of_guests_are_the_owners(database_url: str, tmp_path: Path) -> None:
    old, new, log = tmp_path / "old", tmp_path / "new", tmp_path / "erasures.jsonl"
    old.mkdir(mode=0o700)
    (old / "threads.json").write_text(json.dumps([[GUEST, {"userName": "Ana", "threadId": "t"}]]), encoding="utf-8")
    (old / "threads.json").chmod(0o600)
    import_directory(old, settings=Settings(), url=database_url)
    export_directory(new, settings=Settings(), url=database_url)
    cleanup_directory(old, settings=Settings(), url=database_url)
    assert _readable(old) == []
    restore_directory(old)
    with GuestDatabase(settings=make_settings(database_url, erasure_key="k" * 32, erasure_log=log)) as db:
        db.forget_guest(GUEST)
    ended = invoke("report", "--out", str(tmp_path / "report" / "day.html"), DATABASE_URL=database_url)
    assert ended.exit_code == 0, ended.output
    written = [each for each in tmp_path.rglob("*") if each.is_file() and each.name != ".env"]
    assert len(written) >= 6, written
    assert _readable(tmp_path) == []


def _readable(folder: Path) -> list[str]:
    """Files that others may read or write, but those in a folder that is closed to them."""
    return [
        str(file)
        for file in folder.rglob("*")
        if file.is_file()
        and stat.S_IMODE(file.stat().st_mode) & 0o077
        and stat.S_IMODE(file.parent.stat().st_mode) & 0o077
    ]
