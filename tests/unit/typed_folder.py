"""A bot with queries of its own, as type checkers see it: `from hotel_queries import …` is all that it needs."""

from __future__ import annotations

from typing import Any, Literal, assert_type

from hotel_queries import AsyncGuestDatabase, GuestDatabase, GuestTransaction
from hotel_queries.rows import GetThreadRow, ListRow

from guestsql.guests.query_rows import GetProfileRow


def right(db: GuestDatabase) -> None:
    for row in db.queries.list(class_name="a\\b", int=None):
        assert_type(row, ListRow)
        assert_type(row.count, int)
        assert_type(row.index, str | None)
        assert_type(row.list, list[int | None])
        assert_type(row.int, float)
        assert_type(row.class_, Literal["glad", "it's"])
        assert_type(row.datetime, Any)
    assert_type(db.queries.str(), list[str])
    assert_type(db.get_context("573000000001"), str)
    assert_type(db.queries.get_profile(phone_number="573000000001"), GetProfileRow | None)  # a packaged query
    assert_type(db.queries.get_thread(phone_number="573000000001"), GetThreadRow | None)  # overridden


def in_a_transaction(db: GuestDatabase) -> None:
    with db.transaction() as tx:
        assert_type(tx, GuestTransaction)
        assert_type(tx.queries.str(), list[str])
        assert_type(tx.get_context("573000000001"), str)
        with tx.transaction() as inner:
            inner.queries.strr()  # error
    assert_type(db.run(labels), list[str])


def labels(tx: GuestTransaction) -> list[str]:
    return tx.queries.str()


def wrong(db: GuestDatabase) -> None:
    db.queries.get_profil(phone_number="573000000001")  # error
    db.queries.list(class_name="a", int="b")  # error
    for row in db.queries.list(class_name="a", int=1):
        _ = row.class_ == "gladd"  # error
        _ = row.index.upper()  # error


async def right_async(db: AsyncGuestDatabase) -> None:
    assert_type(await db.queries.str(), list[str])
    async with db.transaction() as tx:
        assert_type(await tx.queries.str(), list[str])


async def wrong_async(db: AsyncGuestDatabase) -> None:
    await db.queries.strr()  # error
