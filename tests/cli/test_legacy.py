"""`guestsql legacy import`."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.shell import invoke, on_terminal

ANA = ["573000000001", {"threadId": "thread_1", "userName": "Ana", "labels": ["VIP"]}]
BRUNO = ["573000000002", {"threadId": None, "userName": "Bruno"}]
GROUP = ["120363000000000001@g.us", {"threadId": "thread_2"}]


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "bot"
    made.mkdir()
    (made / "threads.json").write_text(json.dumps([ANA, BRUNO]), encoding="utf-8")
    return made


def _guests(database_url):
    return json.loads(invoke("query", "run", "get_profile_totals", DATABASE_URL=database_url).stdout)["total_profiles"]


def test_the_report_has_the_contracts_form(folder, database_url):
    result = invoke("legacy", "import", str(folder), "--format", "json", DATABASE_URL=database_url)

    assert result.exit_code == 0
    report = json.loads(result.stdout)
    assert set(report.pop("files")[0]) >= {"path", "sha256", "records"}
    assert (
        report.items()
        >= {
            "records": 2,
            "guests": 2,
            "inserted": 2,
            "updated": 0,
            "unchanged": 0,
            "rejected": 0,
            "dry_run": False,
        }.items()
    )
    assert report["rejects"] == []
    assert result.stderr == "import: 2 guests: 2 new, 0 updated, 0 unchanged\n"
    assert _guests(database_url) == 2


def test_again_changes_nothing_and_says_so(folder, database_url):
    invoke("legacy", "import", str(folder), DATABASE_URL=database_url)
    result = invoke("legacy", "import", str(folder), DATABASE_URL=database_url)

    assert json.loads(result.stdout)["unchanged"] == 2
    assert result.stderr == "import: 2 guests, all unchanged\n"


def test_a_dry_run_writes_nothing(folder, database_url):
    result = invoke("legacy", "import", str(folder), "--dry-run", DATABASE_URL=database_url)

    assert json.loads(result.stdout)["dry_run"] is True
    assert "nothing written" in result.stderr
    assert _guests(database_url) == 0


def test_a_rejected_record_fails_and_the_rest_is_imported(folder, database_url):
    (folder / "threads.json").write_text(json.dumps([ANA, GROUP]), encoding="utf-8")
    result = invoke("legacy", "import", str(folder), "--format", "csv", DATABASE_URL=database_url)

    assert result.exit_code == 1
    header, reject = result.stdout.splitlines()
    assert header == "path,pointer,reason"
    assert reject.startswith("threads.json,/1")
    assert "1 of 2 records rejected" in result.stderr
    assert _guests(database_url) == 1


def test_a_time_in_the_future_is_reported(folder, database_url):
    (folder / "threads.json").write_text(json.dumps([[ANA[0], {"lastActivity": "2099-01-01"}]]), encoding="utf-8")
    result = invoke("legacy", "import", str(folder), "--format", "table", "--dry-run", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert re.search(r"threads\.json +.*/0/1/lastActivity +.*2099-01-01T00:00:00\+00:00", result.stdout)
    assert result.stderr.endswith("1 new, 0 updated, 0 unchanged; 1 time in the future\n")


def test_as_a_table(folder, database_url):
    (folder / "threads.json").write_text(json.dumps([ANA, ANA, GROUP]), encoding="utf-8")
    result = invoke("legacy", "import", str(folder), "--format", "table", DATABASE_URL=database_url)

    cells = [re.split(r"\s{2,}", line.strip()) for line in result.stdout.splitlines()]
    size = str((folder / "threads.json").stat().st_size)
    for row in (
        ["records", "3"],
        ["merged duplicates", "1"],
        ["guests", "1"],
        ["inserted", "1"],
        ["updated", "0"],
        ["unchanged", "0"],
        ["rejected", "1"],
        ["bytes of the files", size],
        ["threads.json", "3", f"{size} B"],
        ["path", "pointer", "reason"],
    ):
        assert row in cells
    told = dict(row for row in cells if len(row) == len(("what", "count")))
    assert int(told["bytes of the table, with indexes"]) > 0
    assert int(told["bytes of memory at most"]) > 10**7
    assert float(told["seconds"]) > 0


def test_national_keys_are_completed_and_verified(tmp_path, database_url):
    given = {"DATABASE_URL": database_url, "GUESTSQL_DEFAULT_REGION": "CO", "GUESTSQL_FORMAT": "json"}
    national = [["310 000 0001", {"userName": "Carla"}], ["3214567890", {"userName": "Diego"}]]
    (tmp_path / "threads.json").write_text(json.dumps([ANA, *national]), encoding="utf-8")
    report = json.loads(invoke("legacy", "import", str(tmp_path), **given).stdout)

    assert (report["guests"], report["rejected"]) == (2, 1)
    assert "not certainly a number of CO" in report["rejects"][0]["reason"]
    found = json.loads(invoke("guest", "list", **given).stdout)
    assert [row["phone_number"] for row in found] == ["573000000001", "573100000001"]
    assert invoke("legacy", "verify", str(tmp_path), **given).exit_code == 0


def test_one_object_a_line(folder, database_url):
    result = invoke("legacy", "import", str(folder), "--format", "jsonl", DATABASE_URL=database_url)

    assert json.loads(result.stdout.splitlines()[0])["inserted"] == 2


def test_no_folder(tmp_path, database_url):
    result = invoke("legacy", "import", str(tmp_path / "nowhere"), DATABASE_URL=database_url)

    assert (result.exit_code, result.stdout) == (1, "")
    assert "nowhere" in result.stderr


def test_progress_is_shown_on_a_terminal(folder, database_url):
    seen = on_terminal("legacy", "import", str(folder), DATABASE_URL=database_url)

    assert seen.exit_code == 0
    assert "importing" in seen.text
    assert "threads.json" in seen.text
