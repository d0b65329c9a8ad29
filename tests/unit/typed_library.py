"""A program with only its own queries, as type checkers see it."""

from __future__ import annotations

from typing import assert_type

from my_queries import AsyncDatabase, Database, Transaction
from my_queries.rows import ListRow


def right() -> None:
    with Database("postgresql:///app", "sql") as db:
        assert_type(db.queries.list(class_name="a"), list[ListRow])
        assert_type(len(db.queries), int)
        with db.transaction() as tx:
            assert_type(tx.queries.str(), list[str])
        assert_type(db.run(labels), list[str])


def labels(tx: Transaction) -> list[str]:
    return tx.queries.str()


async def right_async(db: AsyncDatabase) -> None:
    assert_type(await db.queries.str(), list[str])
    async with db.transaction() as tx:
        assert_type(await tx.queries.str(), list[str])


def wrong(db: Database) -> None:
    db.queries.get_profile(phone_number="573000000001")  # error
    db.queries.list(class_name=1)  # error
    with db.transaction() as tx:
        tx.queries.strr()  # error
