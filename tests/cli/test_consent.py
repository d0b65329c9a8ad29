"""`guestsql consent give | withdraw | show | proof`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke

GUEST = "573000000001"
GIVE = ("give", GUEST, "--purpose", "marketing", "--channel", "whatsapp", "--version", "1")


@pytest.fixture
def consent(database_url):
    with GuestDatabase(database_url) as db:
        db.update_profile(GUEST, user_name="Ana")

    def run(*arguments):
        return invoke("consent", *arguments, "--format", "json", DATABASE_URL=database_url)

    return run


def test_give_withdraw_show_and_proof(consent, database_url, tmp_path):
    file = tmp_path / "wording.txt"
    file.write_text("Acepto ofertas.\n", encoding="utf-8-sig")
    give = (*GIVE, "--wording-file", str(file), "--language", "es", "--actor", "Marta 573000000009")
    tried = json.loads(consent(*give, "--dry-run").stdout)
    assert [row["is_given"] for row in tried] == [True]
    assert json.loads(consent("show", GUEST).stdout) == []

    late = (*give, "--at", "2026-01-02T03:04", "--source", "reception")
    assert json.loads(consent(*late).stdout)[0]["changed_at"] == "2026-01-02T08:04:00+00:00"
    assert [row["is_given"] for row in json.loads(consent("withdraw", GUEST, "--dry-run").stdout)] == [False, False]
    assert [row["is_given"] for row in json.loads(consent("show", GUEST).stdout)] == [True]
    assert consent("withdraw", GUEST, "--channel", "whatsapp").exit_code == 0
    shown = json.loads(consent("show", GUEST).stdout)
    assert [(row["purpose"], row["is_given"]) for row in shown] == [("*", False), ("marketing", False)]

    given, withdrawn = json.loads(consent("proof", GUEST).stdout)
    assert (given["wording"], given["source"], given["actor"]) == ("Acepto ofertas.", "reception", "Marta ***0009")
    assert (withdrawn["action"], withdrawn["source"], withdrawn["wording"]) == ("withdrawn", "shell", None)
    with GuestDatabase(database_url) as db:
        db.forget_guest(GUEST)
    given, withdrawn = json.loads(consent("proof", "+57 300 000 0001", "--full").stdout)
    assert (given["wording"], given["actor"], given["is_erased"]) == ("Acepto ofertas.", None, True)


def test_refused(consent, tmp_path):
    file = tmp_path / "wording.txt"
    file.write_bytes("Acepto más".encode("latin-1"))
    for wrong in (
        GIVE,
        (*GIVE, "--wording", "a", "--wording-file", str(file)),
        (*GIVE, "--wording-file", str(file)),
        (*GIVE, "--wording", "a", "--at", "noon"),
    ):
        assert consent(*wrong).exit_code == 2
    unknown = ("573000000002", "+57 300 000 0002")
    for command in ("show", "proof", "withdraw"):
        assert [consent(command, guest).exit_code for guest in unknown] == [1, 1]
    assert consent(GIVE[0], unknown[0], *GIVE[2:], "--wording", "a").exit_code == 1
