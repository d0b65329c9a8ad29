"""`guestsql guest`."""

from __future__ import annotations

import json

import pytest

from guestsql import GuestDatabase
from tests.cli.shell import invoke

ANA = "573000000001"
TWIN = "81234567890123@lid"


@pytest.fixture
def guest(database_url):
    with GuestDatabase(database_url) as database:
        database.update_profile(ANA, user_name="Ana", labels=["VIP", "cotización"], profile_data={"beds": 2})
        database.update_profile(TWIN, contact_name="Ana L.", labels=["Reserva"])

    def run(*arguments):
        return invoke("guest", *arguments, DATABASE_URL=database_url, GUESTSQL_FORMAT="json")

    return run


def test_show_takes_any_spelling(guest):
    result = guest("show", "+57 300 000 0001")

    profile = json.loads(result.stdout)
    assert (profile["phone_number"], profile["user_name"]) == (ANA, "Ana")
    assert (profile["labels"], profile["profile_data"]) == (["VIP", "cotización"], {"beds": 2})
    assert profile["last_interaction"] is None


def test_show_as_a_table(guest):
    lines = guest("show", ANA, "--format", "table").stdout.splitlines()

    assert lines[0].split() == ["column", "value"]
    assert ["labels", "VIP,", "cotización"] in [line.split() for line in lines]


def test_show_of_nobody(guest):
    result = guest("show", "573000000099")

    assert (result.exit_code, result.stdout) == (1, "null\n")
    assert result.stderr == "guestsql: no guest is known as 573000000099\n"


def test_context(guest):
    text = json.loads(guest("context", ANA).stdout)
    assert text.startswith("[Ana | ")
    assert text.endswith(" | VIP, cotización]\n\n")

    assert guest("context", ANA, "--format", "table", "--ttl", "60").stdout.startswith("[Ana | ")
    assert guest("context", ANA, "--ttl", "-1").exit_code == 2


def test_context_creates_the_guest(guest):
    assert "Cliente" in guest("context", "573000000042").stdout
    assert guest("show", "573000000042").exit_code == 0


def test_merge(guest):
    result = guest("merge", ANA, TWIN, "--yes")

    assert result.exit_code == 0
    assert json.loads(result.stdout)["labels"] == ["VIP", "cotización", "Reserva"]
    assert guest("show", TWIN).exit_code == 1


def test_merge_of_one_guest_with_itself(guest):
    result = guest("merge", ANA, "+57 300 000 0001", "--yes")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_export(guest):
    result = guest("export", ANA)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["guest_profiles"][0]["user_name"] == "Ana"
    assert json.loads(guest("export", ANA, "--format", "table").stdout)["historical_clients"] == []


def test_export_of_nobody(guest):
    result = guest("export", "573000000099")

    assert (result.exit_code, json.loads(result.stdout)["guest_profiles"]) == (1, [])


def test_forget(guest):
    result = guest("forget", ANA, "--yes")

    assert (result.exit_code, json.loads(result.stdout)["guest_profiles"]) == (0, 1)
    assert guest("show", ANA).exit_code == 1
    assert guest("forget", ANA, "--yes").exit_code == 0


@pytest.mark.parametrize("arguments", [("forget", ANA), ("merge", ANA, TWIN)])
def test_without_a_terminal_nothing_is_asked(guest, arguments):
    result = guest(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in result.stderr
    assert guest("show", TWIN).exit_code == 0
    assert guest("show", ANA).exit_code == 0
