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
    assert result.stderr == "import: 2 records of 2 guests: 2 inserted, 0 updated, 0 unchanged, 0 rejected\n"
    assert _guests(database_url) == 2


def test_again_changes_nothing_and_says_so(folder, database_url):
    invoke("legacy", "import", str(folder), DATABASE_URL=database_url)
    result = invoke("legacy", "import", str(folder), DATABASE_URL=database_url)

    assert json.loads(result.stdout)["unchanged"] == 2
    assert result.stderr == "import: 2 records of 2 guests: 0 inserted, 0 updated, 2 unchanged, 0 rejected\n"


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
    assert "2 records of 1 guest: 1 inserted, 0 updated, 0 unchanged, 1 rejected" in result.stderr
    assert _guests(database_url) == 1


def test_a_time_in_the_future_is_reported(folder, database_url):
    (folder / "threads.json").write_text(json.dumps([[ANA[0], {"lastActivity": "2099-01-01"}]]), encoding="utf-8")
    result = invoke("legacy", "import", str(folder), "--format", "table", "--dry-run", DATABASE_URL=database_url)

    assert result.exit_code == 0
    assert re.search(r"threads\.json +.*/0/1/lastActivity +.*2099-01-01T00:00:00\+00:00", result.stdout)


def test_a_person_gets_one_report(folder, database_url):
    (folder / "threads.json").write_text(json.dumps([ANA, ANA, GROUP]), encoding="utf-8")
    (folder / "old.json").write_text("[]", encoding="utf-8")
    result = invoke("legacy", "import", str(folder), "--format", "table", DATABASE_URL=database_url)

    assert (result.exit_code, result.stderr) == (1, "")
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    size = (folder / "threads.json").stat().st_size
    assert lines[0] == "file records bytes"
    assert lines[2] == f"threads.json 3 {size} B"
    assert lines[3] == "3 records of 1 guest: 1 inserted, 0 updated, 0 unchanged, 1 rejected"
    assert re.fullmatch(r"took .* m?s, .* MB of memory; guest_profiles has .* kB with its indexes", lines[4])
    assert lines[5].startswith("not read: old.json.")
    assert lines[6:9] == ["", "rejected:", "path pointer reason"]
    assert lines[10].startswith("threads.json /2 ")


def test_national_keys_are_completed_and_verified(tmp_path, database_url):
    given = {"DATABASE_URL": database_url, "GUESTSQL_DEFAULT_REGION": "CO", "GUESTSQL_FORMAT": "json"}
    national = [["310 000 0001", {"userName": "Carla"}], ["3214567890", {"userName": "Diego"}]]
    (tmp_path / "threads.json").write_text(json.dumps([ANA, *national]), encoding="utf-8")
    report = json.loads(invoke("legacy", "import", str(tmp_path), **given).stdout)

    assert (report["guests"], report["rejected"]) == (2, 1)
    assert "not clearly a number of CO" in report["rejects"][0]["reason"]
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
