"""`guestsql campaign holidays | exclude`, and the queries behind them."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest
from click.testing import Result

from guestsql import GuestDatabase
from tests.cli.shell import invoke

Run = Callable[..., Result]
GUEST = "573000000001"


@pytest.fixture
def campaign(database_url: str) -> Run:
    def run(*arguments: str, **known: str) -> Result:
        return invoke("campaign", *arguments, DATABASE_URL=database_url, **known)

    return run


def test_holidays_are_those_of_the_package_but_for_what_people_have_entered(campaign: Run, database_url: str) -> None:
    shown = campaign("holidays", "co", "2026", "--dry-run", "--format", "csv")
    assert "2026-12-25,Navidad" in shown.stdout.splitlines()
    with GuestDatabase(database_url) as db:
        queries = db.queries

        def days(year: int) -> dict[date, str]:
            return {row.day: row.source.split()[0] for row in queries.list_holidays(country="CO", year=year)}

        assert days(2026) == {}
        queries.set_holiday(country="CO", day=date(2026, 6, 1), name="Día cívico", source="lawyer")
        queries.set_holiday(country="CO", day=date(2026, 12, 25), name="Navidad", source="lawyer")
        queries.replace_holidays(
            country="CO", year=2026, holiday_dates=[date(2026, 2, 3)], holiday_names=["wrong"], source="holidays 0"
        )

        stored = campaign("holidays", "CO", "2026", "2027")

        assert stored.exit_code == 0
        assert days(2026)[date(2026, 6, 1)] == days(2026)[date(2026, 12, 25)] == "lawyer"
        assert days(2026)[date(2026, 1, 1)] == days(2027)[date(2027, 1, 1)] == "holidays"
        assert date(2026, 2, 3) not in days(2026)
        assert shown.stdout.count("\n") - 1 == len(days(2026)) - 1  # without the heading, without the one by hand

        assert queries.confirm_holidays(country="CO", year=2026, source="lawyer") == 1
        assert queries.remove_holiday(country="CO", day=date(2026, 1, 1)) == 1
        assert campaign("holidays", "CO", "2026").exit_code == 0
        assert date(2026, 1, 1) not in days(2026)


def test_an_unknown_country_and_a_missing_package(campaign: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    unknown = campaign("holidays", "XX", "2026")
    assert (unknown.exit_code, "country XX" in unknown.stderr) == (2, True)

    monkeypatch.setitem(sys.modules, "holidays", None)
    missing = campaign("holidays", "CO", "2026")
    assert missing.exit_code == 2
    assert "guestsql[campaigns]" in missing.stderr


def test_numbers_of_a_file_are_excluded(campaign: Run, database_url: str, tmp_path: Path) -> None:
    file = tmp_path / "register.csv"
    file.write_text("\ufeffNombre;Número\nAna;300 000 0001\n\nB;+52 1 55 1234 5678\nC;abc 42\nD;81234567890123@lid\n")
    options = ("--column", "número", "--source", "RNE", "--replace", "--format", "csv")

    def run(*more: str) -> Result:
        return campaign("exclude", str(file), *options, *more, GUESTSQL_DEFAULT_REGION="CO")

    with GuestDatabase(database_url) as db:

        def registers() -> list[tuple[str, str, int]]:
            return [row[:3] for row in db.queries.list_excluded_registers()]

        db.queries.add_excluded_numbers(numbers=["573000000009"], source="RNE")
        db.queries.add_excluded_numbers(numbers=["573000000009"], source="own")

        result = run("--dry-run")
        assert (result.exit_code, result.stdout.splitlines()[1]) == (1, "RNE,*,2,0,2,true")
        assert registers() == [("RNE", "*", 1), ("own", "*", 1)]
        assert [line.partition(": not")[0] for line in result.stderr.splitlines()] == [
            "guestsql: register.csv, line 5",
            "guestsql: register.csv, line 6",
        ]

        # Nothing is removed while a line cannot be read.
        assert run().stdout.splitlines()[1] == "RNE,*,2,0,2,false"
        assert registers() == [("RNE", "*", 4), ("own", "*", 1)]

        file.write_text("Nombre;Número\nAna;300 000 0001\n")
        result = run()
        assert (result.exit_code, result.stdout.splitlines()[1]) == (0, "RNE,*,1,3,0,false")
        assert registers() == [("RNE", "*", 1), ("own", "*", 1)]

        wrong = campaign("exclude", str(file), "--column", "phone")
        assert (wrong.exit_code, "no column 'phone'" in wrong.stderr) == (2, True)

        file.write_text("573000000001\n573000000002\n")
        assert campaign("exclude", str(file), "--format", "csv").stdout.splitlines()[1] == "register,*,2,0,0,false"


def test_every_rule_can_be_added_changed_and_removed(database_url: str) -> None:
    with GuestDatabase(database_url) as db:
        queries = db.queries
        queries.set_contact_profile(profile="PE", description="Peru", country="PE", restricts_hours=True, source="x")
        for closes_at in ("12:00", "24:00"):
            queries.set_contact_hours(profile="PE", weekday=1, opens_at="08:00", closes_at=closes_at, source="x")
        queries.set_contact_cap(profile="PE", channel="sms", period="month", max_contacts=2, source="x")
        queries.set_excluded_day(profile="PE", day=date(2026, 7, 28), reason="fiesta", source="x")
        assert [row[:2] for row in queries.list_contact_rules(profile="PE")] == [
            ("cap", "month by sms, 2 contacts at most"),
            ("excluded day", "2026-07-28: fiesta"),
            ("hours", "weekday 1: 08:00:00 to 24:00:00"),
            ("profile", "Peru; within hours only"),
        ]
        assert queries.remove_contact_hours(profile="PE", weekday=1) == 1
        assert queries.remove_contact_cap(profile="PE", channel="sms", period="month") == 1
        assert queries.remove_excluded_day(profile="PE", day=date(2026, 7, 28)) == 1
        assert len(queries.list_contact_rules(profile="PE")) == 1

        queries.set_contact_account(account="lima", profile="PE", time_zone="America/Lima", daily_people=5, source="x")
        assert [(row.account, row.free_places) for row in queries.list_contact_accounts()] == [
            ("lima", 5),
            ("whatsapp", 250),
        ]
        queries.set_contact_purpose(purpose="survey", needs_consent=False, description="Questions", source="x")
        queries.set_message_template(template="hello", status="approved")
        queries.set_message_template(template="hello", status="paused")
        assert [row.status for row in queries.list_message_templates()] == ["paused"]
        assert [row.purpose for row in queries.list_contact_purposes()] == ["marketing", "service", "survey"]
        found = queries.list_contact_refusals(phone_number=GUEST, purpose="survey", account="lima")
        assert [row.rule for row in found] == ["hours", "unknown_guest"]
