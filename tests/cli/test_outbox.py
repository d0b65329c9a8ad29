"""`guestsql outbox`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke

GUEST = "573000000001"


@pytest.fixture
def outbox(database_url):
    with GuestDatabase(database_url) as db:
        for text in ("one", "two", "three"):
            db.queue_reply(GUEST, {"text": text})
        for guest in (GUEST, "573000000002"):
            db.queue_reply(guest, {"text": "four"}, gateway="whapi")
        for reply in db.claim_replies():
            if reply.gateway == "whapi":
                assert (
                    db.reply_failed(reply, f"+57 300 000 000{reply.reply_id} has no WhatsApp", max_attempts=1) is None
                )

    def run(*arguments):
        return invoke("outbox", *arguments, DATABASE_URL=database_url)

    return run


def test_list(outbox):
    rows = json.loads(outbox("list", "--format", "json").stdout)
    assert [(row["reply_id"], row["state"]) for row in rows] == [
        (1, "sending"),
        (2, "queued"),
        (3, "queued"),
        (4, "dead"),
        (5, "dead"),
    ]
    assert (rows[3]["phone_number"], rows[3]["last_error"]) == (GUEST, "+57 300 000 0004 has no WhatsApp")

    result = outbox("list", "--limit", "1", "--after", "2", "--format", "jsonl")
    assert json.loads(result.stdout)["reply_id"] == 3
    assert result.stderr == "there are more replies: continue with --after 3\n"

    table = outbox("list", "--state", "dead", "--columns", "phone_number,last_error")
    assert "***0001" in table.stdout
    assert "***0004 has no WhatsApp" in table.stdout
    assert "300 000" not in table.stdout
    assert GUEST not in table.stdout


def test_retry_and_drop(outbox):
    result = outbox("retry", "2", "1", "99", "--format", "csv")
    assert (result.exit_code, result.stdout.splitlines()[1:]) == (1, [f"2,{GUEST},"])
    assert result.stderr.startswith("guestsql: not queued: 1, 99 (")

    assert outbox("retry", "4").exit_code == 0
    assert outbox("drop", "--dead").exit_code == 2  # no one to ask
    result = outbox("drop", "--dead", "--yes", "--format", "json")
    assert [row["reply_id"] for row in json.loads(result.stdout)] == [5]
    assert outbox("drop", "3", "1", "--yes").exit_code == 1

    rows = json.loads(outbox("list", "--format", "json").stdout)
    assert [(row["reply_id"], row["state"]) for row in rows] == [(1, "sending"), (2, "queued"), (4, "queued")]


def test_usage(outbox):
    assert outbox("retry").exit_code == 2
    assert outbox("drop", "1", "--dead", "--yes").exit_code == 2
    assert outbox("list", "--state", "lost").exit_code == 2
