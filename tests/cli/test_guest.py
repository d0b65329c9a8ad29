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


def test_show_of_an_unknown_guest(guest):
    result = guest("show", "573000000099")

    assert (result.exit_code, result.stdout) == (1, "null\n")
    assert (
        result.stderr
        == "guestsql: no guest is known as 573000000099 (guestsql guest search finds guests by name or number)\n"
    )


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
    assert json.loads(guest("show", TWIN).stdout)["phone_number"] == ANA
    assert [row["id"] for row in json.loads(guest("ids", TWIN).stdout)] == [ANA, TWIN]
    assert guest("ids", "573000000099").exit_code == 1


def test_merge_of_one_guest_with_itself(guest):
    result = guest("merge", ANA, "+57 300 000 0001", "--yes")

    assert result.exit_code == 2
    assert result.stderr.count("\n") == 1


def test_export(guest):
    result = guest("export", ANA)

    assert result.exit_code == 0
    assert json.loads(result.stdout)["guest_profiles"][0]["user_name"] == "Ana"
    assert json.loads(guest("export", ANA, "--format", "table").stdout)["historical_clients"] == []


def test_export_of_an_unknown_guest(guest):
    result = guest("export", "573000000099")

    assert (result.exit_code, json.loads(result.stdout)["guest_profiles"]) == (1, [])


def test_forget(guest):
    result = guest("forget", ANA, "--yes")

    assert (result.exit_code, json.loads(result.stdout)["guest_profiles"]) == (0, 1)
    assert guest("show", ANA).exit_code == 1
    again = guest("forget", ANA, "--yes")
    assert (again.exit_code, "no guest has this id" in again.stderr) == (0, True)
    assert result.stderr == ""


@pytest.mark.parametrize("arguments", [("forget", ANA), ("merge", ANA, TWIN)])
def test_without_a_terminal_nothing_is_asked(guest, arguments):
    result = guest(*arguments)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "--yes" in result.stderr
    assert guest("show", TWIN).exit_code == 0
    assert guest("show", ANA).exit_code == 0


@pytest.fixture
def listed(guest, autocommit):
    autocommit.execute(
        """
        INSERT INTO guest_profiles (phone_number, user_name, contact_name, labels, last_interaction)
        SELECT '57310000000' || n, 'Guest ' || n, 'Room 10%_' || n, ARRAY['VIP'], timestamptz '2026-11-22 17:00:05+00'
        FROM generate_series(1, 5) AS n
        """
    )
    return guest


def _keys(result):
    return [row["phone_number"] for row in json.loads(result.stdout)]


def test_list_goes_page_by_page(listed):
    first = listed("list", "--limit", "3")
    assert _keys(first) == [ANA, "573100000001", "573100000002"]
    assert first.stderr == "there are more guests: continue with --after 573100000002\n"
    rest = listed("list", "--after", "573100000002")
    assert _keys(rest) == ["573100000003", "573100000004", "573100000005", TWIN]
    assert rest.stderr == ""
    assert _keys(listed("list", "--label", "Reserva")) == [TWIN]
    assert listed("list", "--limit", "0").exit_code == 2


def test_archived_guests_are_listed_and_found(listed, autocommit):
    autocommit.execute(
        "WITH gone AS (DELETE FROM guest_profiles WHERE phone_number = '573100000003' RETURNING *)"
        " INSERT INTO historical_clients (phone_number, user_name, labels)"
        " SELECT phone_number, user_name, labels FROM gone"
    )
    page = json.loads(listed("list", "--label", "VIP").stdout)
    assert [row["phone_number"][-1] for row in page if row["archived"]] == ["3"]
    assert len(page) == 6
    assert _keys(listed("search", "guest 3")) == ["573100000003"]
    assert {"label": "VIP", "guests": 6} in json.loads(listed("labels").stdout)


def test_list_as_a_table_fits(listed):
    result = listed("list", "--format", "table")
    lines = result.stdout.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[1].split() == ["phone_number", "name", "labels", "interaction", "archived"]
    assert "Guest 1 /" in result.stdout
    assert result.stderr == ""
    chosen = listed("list", "--format", "table", "--columns", "contact_name", "--limit", "1")
    assert chosen.stdout.splitlines()[0] == "contact_name"


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("ANA", [ANA, TWIN]),
        ("ana l", [TWIN]),
        ("cotiz", [ANA]),
        ("+57 310-000 0005", ["573100000005"]),
        ("00000001", [ANA, "573100000001"]),
        ("@lid", [TWIN]),
        ("10%_3", ["573100000003"]),
        ("0%1", []),
        ("\\", []),
        ("VIP, cot", []),
    ],
)
def test_search(listed, text, keys):
    assert _keys(listed("search", text)) == keys


def test_search_for_nothing_is_refused(listed):
    assert listed("search", " ").exit_code == 2
    assert listed("search", "guest", "--limit", "2").stderr.endswith("--after 573100000002\n")


def test_labels(listed):
    assert json.loads(listed("labels").stdout) == [
        {"label": "VIP", "guests": 6},
        {"label": "Reserva", "guests": 1},
        {"label": "cotización", "guests": 1},
    ]


def test_memory(guest):
    assert json.loads(guest("memory", "off", "+57 300 000 0001").stdout) == {
        "phone_number": ANA,
        "memory_enabled": False,
    }
    assert json.loads(guest("context", ANA).stdout) == ""
    assert json.loads(guest("memory", "on", ANA).stdout)["memory_enabled"] is True
    nobody = guest("memory", "off", "573000000099")
    assert (nobody.exit_code, nobody.stdout) == (1, "")
    assert guest("show", "573000000099").exit_code == 1
    assert guest("memory", "maybe", ANA).exit_code == 2


@pytest.mark.usefixtures("guest")
def test_national_numbers_of_the_default_region(database_url):
    given = {"DATABASE_URL": database_url, "GUESTSQL_DEFAULT_REGION": "CO", "GUESTSQL_FORMAT": "json"}
    assert json.loads(invoke("guest", "show", "300 000 0001", **given).stdout)["phone_number"] == ANA
    assert "no guest is known as 573109999999 (" in invoke("guest", "show", "310 999 9999", **given).stderr
    # A number of another country that may be read as a national one is reached by its whole spelling.
    invoke("guest", "context", "3214567890@s.whatsapp.net", **given)
    assert invoke("guest", "forget", "3214567890", "--yes", **given).exit_code == 2
    erased = invoke("guest", "forget", "+32 14 56 78 90", "--yes", **given)
    assert json.loads(erased.stdout)["guest_profiles"] == 1
