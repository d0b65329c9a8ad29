"""`guestsql campaign create | plan | claim | result | show | state`."""

from __future__ import annotations

import json
from typing import Any

import psycopg
import pytest

from tests.campaigns import allow_everything, give_consent
from tests.cli.shell import invoke

GUESTS = ["573000000001", "573000000002", "573000000003"]
CREATE = ("create", "easter", "--segment", "silent", "--purpose", "marketing", "-p", "silent_days=0")


@pytest.fixture
def campaign(database_url: str, autocommit: psycopg.Connection[Any]) -> Any:
    allow_everything(autocommit)
    give_consent(autocommit, *GUESTS)
    autocommit.execute("UPDATE guest_profiles SET user_name = 'Ana'")

    def run(*arguments: str) -> Any:
        return invoke("campaign", *arguments, DATABASE_URL=database_url)

    return run


def rows(result: Any) -> Any:
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_a_campaign_from_the_shell(campaign: Any) -> None:
    reached = [{"outcome": "reached", "rule": None, "people": 3, "first_at": None}]
    assert rows(campaign(*CREATE, "--dry-run", "--format", "json")) == reached
    assert [row["campaign"] for row in rows(campaign("show", "--format", "json"))] == ["next_action"]

    made = rows(campaign(*CREATE, "--ends-at", "2099-12-31T18:00", "--format", "json"))
    assert (made["parameters"], made["ends_at"][:19]) == ({"silent_days": "0"}, "2099-12-31T23:00:00")
    assert rows(campaign("plan", "easter", "--dry-run", "--format", "json")) == reached
    planned = campaign("plan", "easter", "--format", "csv")
    assert (planned.stdout, planned.stderr) == (
        "outcome,rule,people,first_at\nreached,,3,\n",
        "planned for 3 people\n",
    )

    # The last four digits, and no name, in every format.
    masked = campaign("claim", "--max", "1", "--dry-run", "--format", "csv")
    assert masked.stdout.splitlines()[1].startswith("1,***0001,***0001,,easter,")
    assert rows(campaign("show", "easter", "--actions", "--state", "claimed", "--format", "json")) == []
    whole = rows(campaign("claim", "--campaign", "easter", "--max", "2", "--full", "--format", "json"))
    assert [(row["phone_number"], row["name"]) for row in whole] == [(GUESTS[0], "Ana"), (GUESTS[1], "Ana")]
    last = campaign("claim")
    assert "***0003" in last.stdout
    assert GUESTS[2] not in last.stdout + last.stderr
    assert "\nnumbers are masked" in last.stderr

    assert rows(campaign("result", "1", "failed:131050", "--dry-run", "--format", "json"))["state"] == "failed"
    assert rows(campaign("result", "1", "sent", "--message-id", "wamid.1", "--format", "json"))["state"] == "sent"
    assert campaign("result", "99", "sent").exit_code == 1
    figures = rows(campaign("show", "easter", "--format", "json"))
    assert [tuple(row.values()) for row in figures] == [
        ("state", "claimed", 2),
        ("state", "sent", 1),
        ("result", "sent", 1),
    ]
    page = campaign("show", "--actions", "--limit", "2", "--columns", "action_id,phone_number,state", "--format", "csv")
    assert page.stdout == "action_id,phone_number,state\n1,***0001,sent\n2,***0002,claimed\n"
    assert page.stderr == "there are more actions: continue with --after 2\n"

    assert rows(campaign("state", "easter", "ended", "--dry-run", "--format", "json"))["state"] == "ended"
    assert campaign("plan", "easter").exit_code == 0
    assert rows(campaign("state", "easter", "ended", "--format", "json"))["state"] == "ended"
    ended = campaign("plan", "easter")
    assert (ended.exit_code, ended.stderr) == (2, "guestsql: the campaign easter has ended (create a campaign)\n")


def test_wrong_usage(campaign: Any) -> None:
    assert campaign(*CREATE, "-p", "days").exit_code == 2
    assert campaign(*CREATE, "--starts-at", "tomorrow").exit_code == 2
    unknown = campaign(*CREATE[:2], "--segment", "none", "--purpose", "marketing")
    assert "segments: active, booked_before, labelled, quoted, silent, tier" in unknown.stderr
    assert campaign("show", "nothing").exit_code == 1
    assert campaign("state", "easter", "gone").exit_code == 2
