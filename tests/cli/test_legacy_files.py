"""`guestsql legacy verify | export | cleanup | restore`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke, on_terminal

PHONE = "573000000001"
ANA = {"threadId": "thread_1", "userName": "Ana \ud83d", "labels": ["VIP"], "lastActivity": "2025-01-01T00:00:00.000Z"}


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bot"
    made.mkdir()
    (made / "threads.json").write_text(json.dumps([[PHONE, ANA]]), encoding="utf-8")
    return made


@pytest.fixture
def run(folder, database_url):
    def _run(command: str, *options: str):
        return invoke("legacy", command, str(folder), *options, DATABASE_URL=database_url)

    return _run


def test_verify_fails_before_the_import_and_passes_after_it(run):
    result = run("verify", "--format", "json")
    assert result.exit_code == 1
    report = json.loads(result.stdout)
    assert (report["passed"], report["different"]) == (False, 1)
    assert report["differences"][0]["pointer"] == "/0/1"
    assert "1 difference" in result.stderr

    run("import")
    result = run("verify", "--format", "json")
    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert (report["passed"], report["records"], report["guests"], report["fields"]) == (True, 1, 1, 4)
    assert report["files"][0]["path"] == "threads.json"
    assert "no differences" in result.stderr


def test_verify_names_what_is_wrong_in_a_table_and_what_is_explained(run, database_url, autocommit):
    run("import")
    autocommit.execute("SET session_replication_role = replica")
    autocommit.execute("UPDATE guest_profiles SET thread_id = 'thread_2'")
    result = run("verify", "--format", "csv")
    assert result.exit_code == 1
    assert result.stdout.splitlines()[1].startswith("threads.json,/0/1/threadId,thread_id,")
    assert "threadId" in run("verify", "--format", "table").stdout

    with GuestDatabase(database_url) as db:
        db.set_thread(PHONE, "thread_3")
    result = run("verify", "--format", "csv")
    assert result.exit_code == 0
    assert "written later" in result.stdout
    assert "explained by later writes" in result.stderr


def test_export_writes_both_files_and_overwrites_none(run, tmp_path, database_url):
    run("import")
    out = tmp_path / "out"
    result = invoke("legacy", "export", str(out), DATABASE_URL=database_url)
    assert result.exit_code == 0, result.stderr
    assert json.loads((out / "threads.json").read_text(encoding="utf-8")) == [[PHONE, ANA]]
    assert [file["path"] for file in json.loads(result.stdout)["files"]] == ["threads.json", "guest_profiles.json"]
    assert result.stderr.startswith("export: 1 guest, 0 new and 0 changed")
    again = invoke("legacy", "export", str(out), DATABASE_URL=database_url)
    assert again.exit_code == 1
    assert "--force" in again.stderr
    forced = invoke("legacy", "export", str(out), "--force", "--format", "table", DATABASE_URL=database_url)
    assert forced.exit_code == 0
    assert "threads.json" in forced.stdout


def test_export_says_what_the_old_files_cannot_hold(tmp_path, database_url):
    with GuestDatabase(database_url) as db:
        db.add_thread_tokens(PHONE, "thread_1", 5)
    result = invoke("legacy", "export", str(tmp_path / "out"), DATABASE_URL=database_url)
    assert "no field for: thread_tokens of 1 guest" in result.stderr


def test_cleanup_needs_an_answer_and_a_verification_that_passes(run, folder):
    result = run("cleanup")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    result = run("cleanup", "--yes")
    assert result.exit_code == 1
    assert json.loads(result.stdout)["passed"] is False
    assert "nothing was deleted" in result.stderr
    assert [path.name for path in folder.iterdir()] == ["threads.json"]
    assert "threads.json" in run("cleanup", "--yes", "--format", "csv").stdout


def test_cleanup_and_restore(run, folder):
    given = (folder / "threads.json").read_bytes()
    run("import")
    result = run("cleanup", "--yes")
    assert result.exit_code == 0, result.stderr
    report = json.loads(result.stdout)
    assert (report["passed"], report["deleted"]) == (True, ["threads.json"])
    assert report["files"][0]["size"] == len(given)
    assert [path.name for path in folder.iterdir()] == ["legacy-backups"]

    gone = run("cleanup", "--yes")
    assert gone.exit_code == 1
    assert "no file of the old bot" in gone.stderr

    result = run("restore")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["restored"] == ["threads.json"]
    assert (folder / "threads.json").read_bytes() == given
    assert json.loads(run("restore").stdout)["unchanged"] == ["threads.json"]

    (folder / "threads.json").write_text("[]")
    refused = run("restore")
    assert refused.exit_code == 1
    assert "--force" in refused.stderr
    assert (folder / "threads.json").read_text() == "[]"
    assert run("restore", "--force", "--format", "table").exit_code == 0
    assert (folder / "threads.json").read_bytes() == given


def test_restore_takes_the_backup_that_is_named_and_checks_it(run, folder):
    run("import")
    run("cleanup", "--yes")
    name = next((folder / "legacy-backups").iterdir()).name
    assert run("restore", "--backup", "2020-01-01T00-00-00-000000Z").exit_code == 1
    copy = folder / "legacy-backups" / name / "threads.json"
    whole = copy.read_bytes()
    copy.write_bytes(whole[:-1])
    damaged = run("restore", "--backup", name)
    assert damaged.exit_code == 1
    assert "not what was backed up" in damaged.stderr
    copy.write_bytes(whole)
    assert run("restore", "--backup", name).exit_code == 0
    manifest = copy.parent / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"threads.json"', '"../threads.json"'))
    assert "cannot be used" in run("restore").stderr


def test_keep_days_removes_old_backups_but_never_the_newest(run, folder):
    run("import")
    run("cleanup", "--yes")
    backups = folder / "legacy-backups"
    newest = next(backups.iterdir())
    for name in ("2020-01-01T00-00-00-000000Z", "2020-01-02T00-00-00-000000Z"):
        (backups / name).mkdir()
        (backups / name / "manifest.json").write_text('{"files": []}')
    (backups / "2020-01-03T00-00-00-000000Z.partial").mkdir()
    (backups / "mine").mkdir()
    result = run("cleanup", "--yes", "--keep-days", "30")
    assert result.exit_code == 0, result.stderr
    assert sorted(path.name for path in backups.iterdir()) == sorted([newest.name, "mine"])
    assert len(json.loads(result.stdout)["removed_backups"]) == 3
    result = run("cleanup", "--yes", "--keep-days", "0", "--format", "table")
    assert newest.exists()


def test_cleanup_asks_on_a_terminal(run, folder, database_url):
    run("import")
    seen = on_terminal("legacy", "cleanup", str(folder), answer="n\n", DATABASE_URL=database_url)
    assert seen.exit_code == 1
    assert (folder / "threads.json").exists()
    seen = on_terminal("legacy", "cleanup", str(folder), answer="y\n", DATABASE_URL=database_url)
    assert seen.exit_code == 0, seen.text
    assert "deleted" in seen.text
    assert not (folder / "threads.json").exists()


def test_rejected_records_are_kept_and_reported(run, folder, tmp_path, database_url):
    (folder / "threads.json").write_text(json.dumps([[PHONE, ANA], ["grupo", {"name": "x\x00"}]]), encoding="utf-8")
    assert run("import").exit_code == 1
    result = run("verify", "--format", "csv")
    assert result.exit_code == 0
    assert '\nthreads.json,/1,,,,"not a guest, kept in legacy_rejects: ' in result.stdout.replace("\r", "")
    assert result.stderr.endswith("; no differences, 1 rejected record kept\n")
    report = json.loads(run("verify", "--format", "json").stdout)
    assert (report["passed"], report["kept"], report["kept_rejects"][0]["pointer"]) == (True, 1, "/1")

    exported = invoke("legacy", "export", str(tmp_path / "out"), DATABASE_URL=database_url)
    assert json.loads(exported.stdout)["rejects"] == 1
    assert "not exported: 1 rejected record of the latest import" in exported.stderr
    cleaned = run("cleanup", "--yes")
    assert cleaned.exit_code == 0
    assert "kept in legacy_rejects: 1 rejected record;" in cleaned.stderr
