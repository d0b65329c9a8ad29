"""A bot as type checkers see it: each line with `# error` is one that they must reject, and no other."""

from __future__ import annotations

from datetime import datetime
from typing import assert_type

from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.guests.query_rows import GetProfileRow, ListLastInteractionsRow, SetThreadRow


def right(db: GuestDatabase) -> None:
    profile = db.queries.get_profile(phone_number="573000000001")
    assert_type(profile, GetProfileRow | None)
    if profile is not None:
        assert_type(profile.phone_number, str)
        assert_type(profile.user_name, str | None)
        assert_type(profile.labels, list[str])
        assert_type(profile.created_at, datetime)
    rows = db.queries.list_last_interactions()
    assert_type(rows, list[ListLastInteractionsRow])
    assert_type(db.queries.list_last_interactions(max_rows=5)[0].total_interactions, int)
    assert_type(db.queries.invalidate_context(phone_number="573000000001"), int)
    assert_type(db.queries.limit_future_times(), int)
    assert_type(db.queries.set_thread(phone_number="573000000001", thread_id="t"), SetThreadRow | None)
    for name in db.queries:
        assert_type(name, str)
    assert_type(len(db.queries), int)


def misspelt_query(db: GuestDatabase) -> None:
    db.queries.get_profil(phone_number="573000000001")  # error


def misspelt_parameter(db: GuestDatabase) -> None:
    db.queries.get_profile(phone="573000000001")  # error


def missing_parameter(db: GuestDatabase) -> None:
    db.queries.get_profile()  # error


def mistyped_parameter(db: GuestDatabase) -> None:
    db.queries.get_profile(phone_number=573000000001)  # error
    db.queries.get_profile(phone_number=None)  # error
    db.queries.list_last_interactions(max_rows="5")  # error
    db.queries.get_profile("573000000001")  # error


def misspelt_column(db: GuestDatabase) -> None:
    for row in db.queries.list_last_interactions():
        _ = row.gest  # error


def missing_check_of_a_row(db: GuestDatabase) -> None:
    _ = db.queries.get_profile(phone_number="573000000001").user_name  # error


def missing_check_of_a_column(row: GetProfileRow) -> str:
    return row.user_name.upper()  # error


def missing_check_of_a_value(db: GuestDatabase) -> str:
    return db.queries.build_context(phone_number="573000000001").strip()  # error


def nullable_parameter(db: GuestDatabase) -> None:
    db.queries.set_thread(phone_number="573000000001", thread_id=None)
    db.queries.add_thread_tokens(phone_number="573000000001", thread_id=None, tokens=1, operation_id="o")  # error


def wrong_type(row: GetProfileRow) -> int:
    return row.phone_number  # error


async def right_async(db: AsyncGuestDatabase) -> None:
    profile = await db.queries.get_profile(phone_number="573000000001")
    assert_type(profile, GetProfileRow | None)
    assert_type(await db.queries.list_last_interactions(), list[ListLastInteractionsRow])


async def missing_await(db: AsyncGuestDatabase) -> None:
    for row in db.queries.list_last_interactions():  # error
        del row


async def misspelt_async(db: AsyncGuestDatabase) -> None:
    await db.queries.get_profil(phone_number="573000000001")  # error
    await db.queries.get_profile(phone="573000000001")  # error
    _ = (await db.queries.get_profile(phone_number="573000000001")).user_name  # error
