"""A cleanup that is killed at any step, or meets a full disk or a busy bot, loses nothing."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from guestsql.errors import LegacyFileError
from guestsql.legacy.cleanup import backup as cleanup_backup
from guestsql.legacy.cleanup import directory as cleanup
from guestsql.legacy.cleanup import restore_directory
from guestsql.legacy.cleanup.backup import find_backups
from guestsql.legacy.cleanup.directory import remove_verified_files
from guestsql.legacy.verifying.buckets import CheckedFile

FILES = {
    "threads.json": b'[["573000000001",{"threadId":"t"}]]',
    "guest_profiles.json": b"[]",
    "backups/threads-2025-01-01T00-00-00-000Z.json": b"{}" * 5,
}

# Each child is killed at the n-th call that changes the disk, before it or after it; the last one comes through.
KILLED = """
import json, os, shutil, signal, sys
from pathlib import Path
from guestsql.legacy.cleanup.directory import remove_verified_files
from guestsql.legacy.cleanup import restore_directory
from guestsql.legacy.verifying.buckets import CheckedFile

base, work = Path(sys.argv[1]), sys.argv[2]
files = [CheckedFile(**file) for file in json.loads(sys.argv[3])]
names = ["fsync", "rename", "unlink", "mkdir", "link", "replace", "open", "rmdir"]
at = 0
while True:
    for after in (False, True):
        folder = base / f"{at}-{int(after)}"
        shutil.copytree(base / "start", folder)
        child = os.fork()
        if child == 0:
            left = [at]
            def dying(call):
                def _call(*given, **known):
                    left[0] -= 1
                    if left[0] == -1 and not after:
                        os.kill(os.getpid(), signal.SIGKILL)
                    try:
                        return call(*given, **known)
                    finally:
                        if left[0] == -1 and after:
                            os.kill(os.getpid(), signal.SIGKILL)
                return _call
            for name in names:
                setattr(os, name, dying(getattr(os, name)))
            if work == "remove":
                remove_verified_files(folder, files)
            else:
                restore_directory(folder, force=work == "force")
            os._exit(0)
        _, status = os.waitpid(child, 0)
        if not os.WIFSIGNALED(status):
            print(at, status)
            sys.exit(0)
    at += 1
"""


def fill(folder: Path) -> list[CheckedFile]:
    for name, data in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return [CheckedFile(name, hashlib.sha256(data).hexdigest(), 1) for name, data in FILES.items()]


def run_killed(base: Path, work: str, files: list[CheckedFile]) -> int:
    given = json.dumps([{"path": file.path, "sha256": file.sha256, "records": 1} for file in files])
    root = str(Path(cleanup.__file__).parent.parent.parent)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", KILLED, str(base), work, given],
        env={**os.environ, "PYTHONPATH": root},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    steps, status = map(int, done.stdout.split())
    assert status == 0, done.stderr
    return steps


def whole(folder: Path) -> dict[str, bytes]:
    """What can still be read of the files, in its place or in a backup that is whole."""
    found = {name: (folder / name).read_bytes() for name in FILES if (folder / name).exists()}
    for backup in find_backups(folder):
        backup.check()
        found = {file.path: (backup.path / file.path).read_bytes() for file in backup.files} | found
    return found


def test_killed_at_any_step_nothing_is_lost_and_a_second_run_completes(tmp_path):
    files = fill(tmp_path / "start")
    steps = run_killed(tmp_path, "remove", files)
    assert steps > 15
    for at in range(steps):
        for after in (0, 1):
            folder = tmp_path / f"{at}-{after}"
            assert whole(folder) == FILES, (at, after)
            left = [file for file in files if (folder / file.path).exists()]
            if left:
                remove_verified_files(folder, left)
            assert not any((folder / name).exists() for name in FILES)
            for backup in find_backups(folder):
                restore_directory(folder, name=backup.path.name)
            assert {name: (folder / name).read_bytes() for name in FILES} == FILES


@pytest.mark.parametrize("work", ["restore", "force"])
def test_a_restore_killed_at_any_step_leaves_each_file_whole(tmp_path, work):
    start = tmp_path / "start"
    files = fill(start)
    remove_verified_files(start, files)
    if work == "force":
        (start / "threads.json").write_bytes(b"old")
    steps = run_killed(tmp_path, work, files)
    for at in range(steps):
        for after in (0, 1):
            folder = tmp_path / f"{at}-{after}"
            for name, data in FILES.items():
                assert not (folder / name).exists() or (folder / name).read_bytes() in (data, b"old")
            restore_directory(folder, force=True)
            assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_a_file_changed_since_its_verification_stops_everything(tmp_path):
    files = fill(tmp_path)
    (tmp_path / "guest_profiles.json").write_bytes(b"[1]")
    with pytest.raises(LegacyFileError, match="changed since"):
        remove_verified_files(tmp_path, files)
    assert all((tmp_path / name).exists() for name in FILES)
    assert find_backups(tmp_path) == []
    (tmp_path / "guest_profiles.json").unlink()
    with pytest.raises(LegacyFileError, match="removed after"):
        remove_verified_files(tmp_path, files)
    assert (tmp_path / "threads.json").exists()


@pytest.mark.parametrize("moment", ["backup", "deletion"])
def test_a_file_changed_during_the_cleanup_stays(tmp_path, monkeypatch, moment):
    files = fill(tmp_path)
    profiles = tmp_path / "guest_profiles.json"
    if moment == "backup":
        make = cleanup.make_backup

        def made(*given):
            backup = make(*given)
            profiles.write_bytes(b"[2]")
            return backup

        monkeypatch.setattr(cleanup, "make_backup", made)
    else:
        delete = cleanup._delete

        def deleted(path, sha256):
            delete(path, sha256)
            profiles.write_bytes(b"[2]")

        monkeypatch.setattr(cleanup, "_delete", deleted)
    with pytest.raises(LegacyFileError, match="changed since"):
        remove_verified_files(tmp_path, files)
    assert profiles.read_bytes() == b"[2]"
    assert whole(tmp_path) == FILES | {"guest_profiles.json": b"[2]"}
    assert (tmp_path / "threads.json").exists() == (moment == "backup")


def test_a_copy_that_is_not_right_stops_everything(tmp_path, monkeypatch):
    files = fill(tmp_path)
    copy = cleanup_backup.copy_safely

    def spoiled(source, target):
        copy(source, target)
        target.write_bytes(b"half")

    monkeypatch.setattr(cleanup_backup, "copy_safely", spoiled)
    with pytest.raises(LegacyFileError):
        remove_verified_files(tmp_path, files)
    assert all((tmp_path / name).exists() for name in FILES)
    assert find_backups(tmp_path) == []


def test_a_full_disk_stops_everything(tmp_path, monkeypatch):
    files = fill(tmp_path)

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(cleanup_backup, "write_safely", full)
    with pytest.raises(LegacyFileError, match="No space left"):
        remove_verified_files(tmp_path, files)
    assert all((tmp_path / name).read_bytes() == data for name, data in FILES.items())
    assert list((tmp_path / "legacy-backups").iterdir()) == []
