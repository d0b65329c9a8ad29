"""Booking status and notes: the current status is that of the latest event, for every writer."""

from __future__ import annotations

import asyncio
import random
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.errors import CheckViolation, ForeignKeyViolation, ObjectNotInPrerequisiteState

from guestsql import GuestDatabase, GuestTransaction
from guestsql.errors import InvalidValue, OutcomeUnknown
from guestsql.sql import load_catalogue
from guestsql.sql.overrides import query_digest
from tests.checking import every_query
from tests.databases import GUEST, KINDS, OTHER, Either, Proxy, make_settings, waiting_sessions
from tests.server import MIGRATIONS, eventually

Connection = psycopg.Connection[Any]
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)

# What the trigger keeps, computed in another way.
DERIVED = """
    SELECT known.phone_number FROM guest_marketing AS known
    FULL JOIN (SELECT DISTINCT phone_number FROM booking_events) AS guest USING (phone_number)
    WHERE (
        known.booking_status, known.booking_status_at, known.first_interested_at, known.first_booked_at,
        known.last_booked_at, known.last_quoted_at
    ) IS DISTINCT FROM (
        (SELECT status FROM booking_events AS e WHERE e.phone_number = coalesce(known.phone_number, guest.phone_number)
            ORDER BY occurred_at DESC, event_id DESC LIMIT 1),
        (SELECT max(occurred_at) FROM booking_events AS e WHERE e.phone_number = known.phone_number),
        (SELECT min(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'interested'),
        (SELECT min(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'booked'),
        (SELECT max(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'booked'),
        (SELECT max(occurred_at) FROM booking_events AS e
            WHERE e.phone_number = known.phone_number AND status = 'interested' AND value IS NOT NULL)
    )"""


def statuses(connection: Connection) -> dict[str, str | None]:
    return dict(connection.execute("SELECT phone_number, booking_status FROM guest_marketing").fetchall())


def test_the_current_status_follows_whatever_is_done_by_hand(connection: Connection) -> None:
    chosen = random.Random(13)
    guests = [f"57300000{number:04}" for number in range(6)]
    for _ in range(120):
        guest, other = chosen.sample(guests, 2)
        at = NOON + timedelta(days=chosen.randrange(5))
        match chosen.randrange(10):
            case 0:
                connection.execute(
                    "UPDATE booking_events SET phone_number = %s WHERE phone_number = %s", [guest, other]
                )
            case 1:
                connection.execute("DELETE FROM booking_events WHERE phone_number = %s AND event_id %% 2 = 0", [guest])
            case 2:
                connection.execute(
                    "UPDATE guest_marketing SET booking_status = 'lost', last_quoted_at = %s WHERE phone_number = %s",
                    [at, guest],
                )
            case 3:
                connection.execute(
                    """INSERT INTO guest_marketing (phone_number, booking_status) VALUES (%s, 'lost')
                    ON CONFLICT (phone_number) DO UPDATE SET booking_status = excluded.booking_status""",
                    [guest],
                )
            case _:
                value = chosen.choice([None, 120])
                connection.execute(
                    """INSERT INTO booking_events (phone_number, status, occurred_at, source, value, currency)
                    SELECT key, status, %s, 'test', %s, %s FROM (VALUES (%s, %s), (%s, %s)) AS v (key, status)""",
                    [
                        at,
                        value,
                        value and "USD",
                        guest,
                        chosen.choice(["interested", "booked", "lost"]),
                        other,
                        "interested",
                    ],
                )
        assert connection.execute(DERIVED.encode()).fetchall() == []
    assert set(statuses(connection).values()) >= {"interested", "booked"}
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    connection.execute("TRUNCATE booking_events")
    assert connection.execute(DERIVED.encode()).fetchall() == []


def test_events_are_not_changed_and_keep_their_row(connection: Connection) -> None:
    connection.execute(
        "INSERT INTO booking_events (phone_number, status, source) VALUES (%s, 'booked', 'bot')", [GUEST]
    )
    for change in ("status = 'lost'", "occurred_at = now() - interval '1 day'", "note = 'x'", "event_id = DEFAULT"):
        with pytest.raises(ObjectNotInPrerequisiteState), connection.transaction():
            connection.execute(f"UPDATE booking_events SET {change}".encode())
    connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
    with pytest.raises(ForeignKeyViolation):
        connection.execute("DELETE FROM guest_marketing")


REFUSED = [
    ("booking_events_status_check", {"status": "'Booked'"}),
    ("booking_events_texts_check", {"source": "''"}),
    ("booking_events_value_check", {"value": "1"}),
    ("booking_events_value_check", {"currency": "'USD'"}),
    ("booking_events_value_check", {"value": "-1", "currency": "'USD'"}),
    ("booking_events_value_check", {"value": "'NaN'", "currency": "'USD'"}),
    ("booking_events_value_check", {"value": "1", "currency": "'usd'"}),
    ("booking_events_times_check", {"occurred_at": "'infinity'"}),
]


@pytest.mark.parametrize(("constraint", "columns"), REFUSED)
def test_booking_events_refuses(connection: Connection, constraint: str, columns: dict[str, str]) -> None:
    columns = {"phone_number": f"'{OTHER}'", "status": "'booked'", "source": "'bot'", **columns}
    with pytest.raises(CheckViolation) as caught:
        connection.execute(
            f"INSERT INTO booking_events ({', '.join(columns)}) VALUES ({', '.join(columns.values())})".encode()
        )
    assert caught.value.diag.constraint_name == constraint


@pytest.mark.parametrize("hour", ["2026-11-20 12:30Z", "2026-11-20 12:00:00.000001Z", "infinity", "0001-01-01 00:30Z"])
def test_an_hour_is_a_full_hour(connection: Connection, hour: str) -> None:
    connection.execute("INSERT INTO interaction_hours VALUES (%s, '2026-11-20 12:00Z', 1)", [GUEST])
    with pytest.raises(CheckViolation):
        connection.execute("INSERT INTO interaction_hours VALUES (%s, %s, 1)", [GUEST, hour])


@pytest.mark.parametrize("kind", KINDS)
async def test_a_history(kind: str, database_url: str) -> None:
    """A late event with an older time changes what it is the first or the last of, and not the status."""
    async with Either(kind, database_url) as db:
        assert await db.get_booking_status(GUEST) is None
        assert await db.get_booking_history(GUEST) == []
        await db.update_profile(GUEST, user_name="Ana")
        unknown = await db.get_booking_status(GUEST)
        assert (unknown.phone_number, unknown.status, unknown.since) == (GUEST, None, None)

        day = timedelta(days=1)
        booked = await db.set_booking_status(GUEST, "booked", at=NOON, value="350000.50", currency="cop", note="201")
        assert (booked.status, booked.since, booked.last_quoted_at) == ("booked", NOON, None)
        await db.set_booking_status(
            GUEST + "@c.us", "interested", at=NOON - day, value=1, currency="USD", source="mail"
        )
        late = await db.set_booking_status(GUEST, "booked", at=NOON - 3 * day)
        assert (late.status, late.since) == ("booked", NOON)
        assert (late.first_booked_at, late.last_booked_at) == (NOON - 3 * day, NOON)
        assert late.first_interested_at == late.last_quoted_at == NOON - day
        tied = await db.set_booking_status(GUEST, "inactive", at=NOON)
        assert (tied.status, tied.last_booked_at) == ("inactive", NOON)
        assert await db.get_booking_status(GUEST + "@lid") is None

        events = await db.get_booking_history(GUEST)
        assert [(each.status, each.source, each.note) for each in events] == [
            ("inactive", "bot", None),
            ("booked", "bot", "201"),
            ("interested", "mail", None),
            ("booked", "bot", None),
        ]
        assert (events[1].value, events[1].currency) == (Decimal("350000.50"), "COP")
        future = await db.set_booking_status(GUEST, "lost", at=datetime(2999, 1, 1, tzinfo=UTC))
        assert future.status == "lost"
        assert (await db.set_booking_status(GUEST, "booked")).status == "booked"


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"status": "Booked"}, "interested, booked, inactive or lost"),
        ({"status": None}, "interested"),
        ({"value": 1}, "currency"),
        ({"currency": "COP"}, "its value"),
        ({"value": -1, "currency": "COP"}, "0 or more"),
        ({"value": float("nan"), "currency": "COP"}, "0 or more"),
        ({"value": 10**12, "currency": "COP"}, "below"),
        ({"value": Decimal("0.001"), "currency": "COP"}, "two decimal"),
        ({"value": True, "currency": "COP"}, "number"),
        ({"value": "a lot", "currency": "COP"}, "number"),
        ({"value": 1, "currency": "pesos"}, "three letters"),
        ({"at": datetime(2026, 1, 1)}, "zone"),  # noqa: DTZ001  naive on purpose
        ({"source": " "}, "source"),
        ({"note": ""}, "note"),
    ],
    ids=repr,
)
def test_what_cannot_be_stored(wrong: dict[str, Any], says: str, database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url)) as db:
        with pytest.raises(InvalidValue, match=says):
            db.set_booking_status(GUEST, **{"status": "booked", **wrong})
        assert db.get_profile(GUEST) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_notes(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url) as db:
        await db.add_note(GUEST, "likes the sea", author="Luisa")
        await db.add_note(GUEST, "no nuts", kind="allergy")
        await db.update_profile(OTHER, user_name="Ana")
        await db.add_note(OTHER, "a discount")
        for wrong in ({"note": " "}, {"note": "a", "kind": ""}, {"note": "a", "author": ""}):
            with pytest.raises(InvalidValue):
                await db.add_note(GUEST, **wrong)
        assert [(note.note, note.kind, note.author) for note in await db.get_notes(GUEST)] == [
            ("no nuts", "allergy", None),
            ("likes the sea", "note", "Luisa"),
        ]
        await db.merge_guests(GUEST, OTHER)
        assert {note.note for note in await db.get_notes(OTHER)} == {"likes the sea", "no nuts", "a discount"}
        assert len((await db.export_guest(GUEST))["guest_notes"]) == 3
        assert (await db.forget_guest(GUEST))["guest_notes"] == 3
    assert autocommit.execute("SELECT count(*) FROM guest_notes").fetchone() == (0,)


@pytest.mark.parametrize("loss", ["request", "answer"])
@pytest.mark.parametrize("kind", KINDS)
async def test_a_lost_answer_stores_one_event(kind: str, loss: str, database_url: str) -> None:
    with Proxy(database_url) as proxy:
        async with Either(kind, proxy.url) as db:
            await db.update_profile(GUEST, user_name="Ana")
            proxy.lose(loss)
            assert (await db.set_booking_status(GUEST, "booked")).status == "booked"
            proxy.lose(loss)
            await db.add_note(GUEST, "a note")
            assert (len(await db.get_booking_history(GUEST)), len(await db.get_notes(GUEST))) == (1, 1)


def mixed(db: GuestDatabase, chosen: random.Random, guests: list[str]) -> None:
    """One call of a few, with one guest or two."""
    guest, other = chosen.sample(guests, 2)
    at = NOON + timedelta(seconds=chosen.randrange(10))

    def twice(tx: GuestTransaction) -> None:
        tx.set_booking_status(guest, "lost", at=at)
        tx.set_booking_status(guest, "interested", at=at, value=5, currency="USD")

    match chosen.randrange(12):
        case 0:
            db.merge_guests(guest, other)
        case 1:
            db.forget_guest(guest)
        case 2:
            db.add_note(guest, "a note")
        case 3:
            db.run(twice)
        case _:
            db.set_booking_status(guest, chosen.choice(["interested", "booked", "inactive"]), at=at)


def test_writers_at_once(database_url: str, autocommit: Connection) -> None:
    """Late and early events of a few guests, merges and erasures, from four sessions."""
    guests = [f"5730000000{number:02}" for number in range(8)]
    databases = [GuestDatabase(settings=make_settings(database_url, pool_max=1)) for _ in range(4)]

    def work(db: GuestDatabase, seed: int) -> None:
        chosen = random.Random(seed)
        for _ in range(40):
            mixed(db, chosen, guests)

    with ThreadPoolExecutor(len(databases)) as pool:
        for working in [pool.submit(work, db, seed) for seed, db in enumerate(databases)]:
            working.result()
    for db in databases:
        db.close()
    assert autocommit.execute(DERIVED.encode()).fetchall() == []
    for table in ("booking_events", "guest_marketing", "guest_notes"):
        lost = f"SELECT phone_number FROM {table} EXCEPT SELECT phone_number FROM guest_keys"
        assert autocommit.execute(lost.encode()).fetchall() == []


async def test_an_event_follows_a_merge_that_it_waited_for(database_url: str, autocommit: Connection) -> None:
    async with Either("async", database_url) as db:
        for guest in (GUEST, OTHER):
            await db.set_booking_status(guest, "interested", at=NOON)
        async with db.raw.transaction() as tx:
            await tx.merge_guests(GUEST, OTHER)
            late = asyncio.create_task(db.set_booking_status(OTHER, "booked"))
            await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
        assert (await late).phone_number == GUEST
        assert [event.status for event in await db.get_booking_history(OTHER)] == ["booked", "interested", "interested"]
    assert statuses(autocommit) == {GUEST: "booked"}


MOVE = """WITH gone AS (DELETE FROM {origin} WHERE phone_number = %s RETURNING phone_number, created_at)
    INSERT INTO {target} (phone_number, created_at) SELECT phone_number, created_at FROM gone"""


async def test_an_archived_guest_stays_archived(database_url: str, autocommit: Connection) -> None:
    """Also one who is just being archived, or is just returning: the event waits, and finds the guest's row."""
    both = [("guest_profiles", "historical_clients"), ("historical_clients", "guest_profiles")]
    async with Either("async", database_url) as db:
        await db.update_profile(GUEST, user_name="Ana")
        for number, (origin, target) in enumerate(both):
            with psycopg.connect(database_url) as moving:
                moving.execute(MOVE.format(origin=origin, target=target).encode(), [GUEST])
                writing = asyncio.create_task(db.set_booking_status(GUEST + "@c.us", "booked"))
                await asyncio.to_thread(eventually, lambda: waiting_sessions(autocommit) == 1)
            assert (await writing).phone_number == GUEST
            assert len(await db.get_booking_history(GUEST)) == 2 * number + 1
            await db.set_booking_status(GUEST, "interested")
            await db.add_note(GUEST, "a note")
            keys = autocommit.execute("SELECT phone_number, archived FROM guest_keys").fetchall()
            assert keys == [(GUEST, target == "historical_clients")]
        assert len(await db.get_notes(GUEST)) == 2


def test_contacts_are_united_by_a_merge(database_url: str, autocommit: Connection) -> None:
    contacts = """INSERT INTO guest_marketing (phone_number, contacted_at, contacted_channels, contacted_accounts)
        SELECT %s, array_agg(%s::timestamptz + make_interval(hours => hour)), array_agg(channel), array_agg('a' || hour)
        FROM unnest(%s::int[], %s::text[]) AS contact (hour, channel)"""
    with GuestDatabase(settings=make_settings(database_url)) as db:
        for guest in (GUEST, OTHER):
            db.update_profile(guest, user_name="Ana")
        autocommit.execute(contacts, [GUEST, NOON, [1, 5], ["sms", "sms"]])
        autocommit.execute(contacts, [OTHER, NOON, [0, 3, 9], ["mail", "mail", "sms"]])
        db.set_booking_status(OTHER, "lost", at=NOON)
        db.merge_guests(GUEST, OTHER)
    found = autocommit.execute(
        "SELECT phone_number, booking_status, contacted_channels, contacted_accounts FROM guest_marketing"
    ).fetchall()
    assert found == [(GUEST, "lost", ["mail", "sms", "mail", "sms", "sms"], ["a0", "a1", "a3", "a5", "a9"])]


def test_the_migration_takes_over_what_the_archive_knew(empty_database_url: str) -> None:
    """Under the guest's key, and without a client who is erased meanwhile; what was called a consent is a note."""
    files = sorted(MIGRATIONS.glob("*.sql"))
    [moving] = [path for path in files if path.stem == "0032_booking_history"]
    with (
        psycopg.connect(empty_database_url, autocommit=True) as owner,
        psycopg.connect(empty_database_url, autocommit=True) as reader,
        ThreadPoolExecutor(1) as pool,
    ):
        for path in files[: files.index(moving)]:
            owner.execute(path.read_bytes())
        owner.execute("INSERT INTO guest_profiles (phone_number) VALUES (%s)", [GUEST])
        owner.execute("INSERT INTO guest_ids (id, phone_number, source) VALUES ('7@lid', %s, 'link')", [GUEST])
        owner.execute(
            """INSERT INTO historical_clients
                (phone_number, booking_status, marketing_consent, notes, created_at, archived_at)
            VALUES ('7@lid', 'booked', TRUE, 'a note', '2025-01-01Z', '2026-01-01Z'),
                (%s, NULL, FALSE, '', '2025-01-01Z', NULL),
                ('573000000009', 'lost', TRUE, 'erased', '2025-01-01Z', NULL)""",
            [OTHER],
        )
        with psycopg.connect(empty_database_url) as bot:
            bot.execute("DELETE FROM historical_clients WHERE phone_number = '573000000009'")
            migrating = pool.submit(owner.execute, moving.read_bytes())
            eventually(lambda: migrating.done() or waiting_sessions(reader))
        migrating.result()
        assert owner.execute(
            "SELECT phone_number, status, occurred_at = '2026-01-01Z' FROM booking_events"
        ).fetchall() == [(GUEST, "booked", True)]
        notes = owner.execute("SELECT phone_number, kind, left(note, 17) FROM guest_notes ORDER BY note_id").fetchall()
        assert sorted(notes) == [(GUEST, "import", "a note"), (GUEST, "import", "marketing_consent")]
        assert statuses(owner) == {GUEST: "booked"}


def test_no_query_leaves_out_guests_without_a_status() -> None:
    """NULL is neither equal nor unequal to a status."""
    unequal = re.compile(r"(booking_)?status\s*(<>|!=|NOT\s+IN)|NOT\s*\(?\s*\w*\.?booking_status", re.IGNORECASE)
    compared = {name for name, query in every_query().items() if unequal.search(query.text)}
    assert compared == set()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_stored_status_that_cannot_be_read_is_not_reported_as_retryable(
    kind: str, database_url: str, autocommit: Connection, tmp_path: Path
) -> None:
    """A bot that repeats retryable errors would add the event twice."""
    original = load_catalogue()["get_booking_status"]
    head = f"{original.name_line}\n-- overrides: {original.name} {query_digest(original)}\n"
    broken = original.source.replace("WHERE", "WHERE 1 / position('+' IN ids.id) = 1 AND")
    (tmp_path / "own.sql").write_text(f"{head}{broken};\n")
    async with Either(kind, database_url, queries_dir=tmp_path) as db:
        with pytest.raises(
            OutcomeUnknown, match="stored, but the answer could not be read: division by zero"
        ) as raised:
            await db.set_booking_status(GUEST, "booked")
    assert not raised.value.retryable
    assert autocommit.execute("SELECT count(*) FROM booking_events").fetchone() == (1,)
