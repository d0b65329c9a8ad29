"""`guestsql history status | note`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke

GUEST = "573000000001"


@pytest.fixture
def history(database_url):
    with GuestDatabase(database_url) as db:
        db.update_profile(GUEST, user_name="Ana")

    def run(*arguments):
        return invoke("history", *arguments, DATABASE_URL=database_url)

    return run


def test_status(history):
    assert json.loads(history("status", GUEST, "--format", "json").stdout) == []
    quote = history(
        "status", GUEST, "interested", "--value", "350000", "--currency", "COP", "--note", "call 573000000002"
    )
    assert quote.exit_code == 0
    assert "***0001" in quote.stdout
    assert GUEST not in quote.stdout

    tried = json.loads(history("status", GUEST, "booked", "--dry-run", "--full", "--format", "json").stdout)
    assert (tried["phone_number"], tried["status"], tried["dry_run"]) == (GUEST, "booked", True)
    older = ("status", GUEST, "lost", "--at", "2020-02-29T10:00", "--source", "pms", "--format", "json")
    assert json.loads(history(*older).stdout)["status"] == "interested"

    rows = json.loads(history("status", GUEST, "--format", "json").stdout)
    assert [(row["status"], row["source"], row["note"]) for row in rows] == [
        ("interested", "shell", "call ***0002"),
        ("lost", "pms", None),
    ]
    assert (rows[0]["value"], rows[1]["occurred_at"]) == (350000, "2020-02-29T15:00:00+00:00")
    assert "573000000002" in history("status", GUEST, "--full", "--format", "csv").stdout


def test_note(history):
    assert history("note", GUEST, "Likes the sea", "--author", "Luisa").exit_code == 0
    tried = history("note", GUEST, "No nuts", "--kind", "allergy", "--dry-run", "--format", "json")
    assert [row["note"] for row in json.loads(tried.stdout)] == ["No nuts", "Likes the sea"]
    rows = json.loads(history("note", GUEST, "--format", "json").stdout)
    assert [(row["note"], row["kind"], row["author"]) for row in rows] == [("Likes the sea", "note", "Luisa")]


def test_usage(history):
    for wrong in (
        ("status", GUEST, "Booked"),
        ("status", GUEST, "--note", "a text"),
        ("status", GUEST, "lost", "--at", "soon"),
        ("note", GUEST, "--dry-run"),
    ):
        assert history(*wrong).exit_code == 2
    for wrong in (("status", GUEST, "lost", "--value", "1"), ("note", GUEST, " ")):
        assert history(*wrong).exit_code != 0
    for command in (("status", "573000000009", "booked"), ("note", "573000000009", "a text")):
        result = history(*command)
        assert (result.exit_code, "no guest is known" in result.stderr) == (1, True)
