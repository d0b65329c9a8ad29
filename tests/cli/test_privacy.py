"""`guestsql privacy`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke
from tests.databases import make_settings

KEY = "k" * 32
ANA, BEA = "573000000001", "573000000002"


@pytest.fixture
def privacy(database_url, tmp_path):
    log = tmp_path / "erasures.log"
    with GuestDatabase(settings=make_settings(database_url, erasure_key=KEY, erasure_log=log)) as db:
        db.update_profile(ANA, user_name="Ana")
        db.forget_guest(ANA)
    known = {"DATABASE_URL": database_url, "GUESTSQL_ERASURE_KEY": KEY, "GUESTSQL_ERASURE_LOG": str(log)}

    def run(*arguments, **environment):
        return invoke("privacy", *arguments, **{**known, **environment})

    return run


def test_certificate(privacy, database_url):
    result = privacy("certificate", "+57 300 000 0001", "--format", "json")
    (certificate,) = json.loads(result.stdout)
    assert (result.exit_code, certificate["reason"], certificate["is_keyed"], certificate["ids"]) == (
        0,
        "request",
        True,
        1,
    )
    assert certificate["erased"]["guest_profiles"] == 1
    assert ANA not in result.output

    unknown = privacy("certificate", BEA)
    assert (unknown.exit_code, "nothing was erased" in unknown.stderr) == (1, True)
    with GuestDatabase(database_url) as db:
        db.update_profile(ANA)
    assert "known under this id now" in privacy("certificate", ANA).stderr


def test_replay(privacy, autocommit, tmp_path):
    # As after the restore of an older dump.
    autocommit.execute("TRUNCATE erasures, erased_guests")
    autocommit.execute(
        "INSERT INTO guest_profiles (phone_number, created_at) SELECT phone, now() - interval '1 day'"
        " FROM unnest(%s::text[]) AS phone",
        [[ANA, BEA]],
    )
    planned = privacy("replay", "--dry-run", "--format", "csv")
    assert [line.split(",")[0] for line in planned.stdout.splitlines()] == ["guest", "***0001"]
    assert "would be restored: 1; guests would be erased again: 1" in planned.stderr
    assert privacy("replay").exit_code == 2  # it asks, and there is no terminal
    done = privacy("replay", "--yes", "--full", "--format", "csv")
    assert (done.exit_code, done.stdout.splitlines()[1].split(",")[0]) == (0, ANA)
    assert autocommit.execute("SELECT phone_number FROM guest_profiles").fetchall() == [(BEA,)]

    other = privacy("replay", "--yes", GUESTSQL_ERASURE_KEY="n" * 32)
    assert (other.exit_code, "after the current one" in other.stderr) == (1, True)
    missing = privacy("replay", "--yes", "--log", str(tmp_path / "none.log"))
    assert (missing.exit_code, "cannot be read: No such file" in missing.stderr) == (2, True)
