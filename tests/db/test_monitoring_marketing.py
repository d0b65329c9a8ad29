"""The monitoring queries about labels and marketing, as guestsql_monitor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from tests.campaigns import give_consent, withdraw_consent
from tests.monitoring import ask, ask_one

Connection = psycopg.Connection[Any]

GUESTS = [f"57300000000{number}" for number in range(6)]


@pytest.fixture
def hotel(connection: Connection) -> Iterator[Connection]:
    """Six guests, of whom four have the label rare, two were interested, and one booked."""
    connection.execute(
        "INSERT INTO guest_profiles (phone_number, labels, first_interaction, last_interaction)"
        " SELECT id, CASE WHEN n < 5 THEN ARRAY['rare', 'VIP', 'VIP'] ELSE ARRAY['VIP'] END,"
        " statement_timestamp(), statement_timestamp()"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS guests (id, n)",
        (GUESTS,),
    )
    connection.execute(
        "INSERT INTO booking_events (phone_number, status, source) VALUES (%s, 'booked', 't'), (%s, 'interested', 't')",
        GUESTS[:2],
    )
    yield connection
    connection.execute("RESET ROLE")


def test_labels_of_few_guests_are_left_out(hotel: Connection) -> None:
    hotel.execute("SET ROLE guestsql_monitor")
    assert ask(hotel, "list_label_figures") == [("VIP", 6, 2, 1)]


def test_the_funnel_counts_a_guest_once_at_each_step(hotel: Connection) -> None:
    hotel.execute("SET ROLE guestsql_monitor")
    assert ask_one(hotel, "get_conversion_funnel") == (6, 2, 1)


def test_consents(hotel: Connection) -> None:
    give_consent(hotel, *GUESTS[:3])
    withdraw_consent(hotel, GUESTS[0])
    hotel.execute("SET ROLE guestsql_monitor")
    found = {(row.purpose, row.channel): row[2:] for row in ask(hotel, "list_consent_figures")}
    assert found["marketing", "whatsapp"] == (2, 1)
    ((_, consents, withdrawals),) = ask(hotel, "list_consent_months")
    assert (consents, withdrawals) == (3, 1)


def test_campaigns(hotel: Connection) -> None:
    """An action has several results, and counts once."""
    hotel.execute(
        "INSERT INTO campaigns (campaign, segment, purpose, channel, account)"
        " VALUES ('easter', 'silent', 'marketing', 'whatsapp', 'whatsapp')"
    )
    hotel.execute(
        "INSERT INTO guest_marketing (phone_number) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING", (GUESTS,)
    )
    hotel.execute(
        "WITH planned AS ("
        " INSERT INTO campaign_actions (phone_number, campaign, purpose, channel, account, due_at, state, sent_at)"
        " SELECT id, 'easter', 'marketing', 'whatsapp', 'whatsapp', statement_timestamp(), 'planned',"
        " CASE WHEN n < 3 THEN statement_timestamp() END"
        " FROM unnest(%s::text[]) WITH ORDINALITY AS guests (id, n) RETURNING action_id, phone_number, sent_at)"
        " INSERT INTO action_results (action_id, phone_number, result, occurred_at)"
        " SELECT action_id, phone_number, result, sent_at FROM planned CROSS JOIN (VALUES ('delivered'), ('replied'))"
        " AS results (result) WHERE sent_at IS NOT NULL",
        (GUESTS,),
    )
    hotel.execute("SET ROLE guestsql_monitor")
    found = {row.campaign: tuple(row[1:]) for row in ask(hotel, "list_campaign_totals")}
    assert found["easter"] == ("active", 6, 2, 2, 0)
    assert found["next_action"] == ("active", 0, 0, 0, 0)
