"""`guestsql history archive | return`."""

from __future__ import annotations

import json
from datetime import UTC, datetime

from guestsql import GuestDatabase
from tests.cli.shell import invoke

GUESTS = ["573000000001", "573000000002", "573000000003"]


def test_archive_and_return(database_url):
    def history(*arguments):
        return invoke("history", *arguments, "--format", "json", DATABASE_URL=database_url)

    with GuestDatabase(database_url) as db:
        for guest in GUESTS:
            db.record_interaction(guest, at=datetime(2026, 1, 2, tzinfo=UTC))

    assert json.loads(history("archive", "--dry-run").stdout) == {"silent": 3}
    assert json.loads(history("archive", "--batch", "2").stdout) == {"archived": 3}
    assert json.loads(history("archive").stdout) == {"archived": 0}
    shown = json.loads(invoke("guest", "show", GUESTS[0], "--format", "json", DATABASE_URL=database_url).stdout)
    assert shown["archived_at"] is not None

    assert json.loads(history("return", GUESTS[0], "--dry-run").stdout) == {"returned": 1}
    assert json.loads(history("return", "+57 300 000 0001").stdout) == {"returned": 1}
    assert json.loads(history("return", GUESTS[0]).stdout) == {"returned": 0}
    unknown = history("return", "573000000099")
    assert (unknown.exit_code, unknown.stdout) == (1, "")
    assert history("archive", "--days", "-1").exit_code == 2
