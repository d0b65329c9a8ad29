"""Keys of profile_data that only the package writes: what the import and a merge preserve there stays."""

from __future__ import annotations

import json

import pytest
from psycopg import Connection
from psycopg.rows import TupleRow

from guestsql import CLEAR
from guestsql.errors import InvalidValue
from tests.databases import GUEST, KINDS, Either, traces

LEGACY = {"threads": {GUEST: {"threadId": "thread_a", "labels": [None, {"id": None}]}}}


def put_reserved(connection: Connection[TupleRow], key: str = "legacy") -> None:
    connection.execute(
        "UPDATE guest_profiles SET profile_data = profile_data || jsonb_build_object(%s::text, %s::jsonb)",
        [key, json.dumps(LEGACY)],
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("key", ["legacy", "merged", "historical"])
async def test_preserved_records_are_not_overwritten(
    kind: str, database_url: str, autocommit: Connection[TupleRow], key: str
) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(InvalidValue, match="reserved"):
            await db.update_profile(GUEST, profile_data={key: {}})
        assert await db.get_profile(GUEST) is None
        await db.update_profile(GUEST, profile_data={"room": 5})
        put_reserved(autocommit, key)
        for value in ({}, None, "x", {"threads": {}}):
            with pytest.raises(InvalidValue, match="reserved"):
                await db.update_profile(GUEST, profile_data={key: value, "room": 6}, user_name="Ana")
        profile = await db.get_profile(GUEST)
        assert (profile.user_name, profile.profile_data) == (None, {"room": 5, key: LEGACY})


@pytest.mark.parametrize("kind", KINDS)
async def test_profile_data_as_it_was_read_may_be_written_back(
    kind: str, database_url: str, autocommit: Connection[TupleRow]
) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, profile_data={"room": 5})
        put_reserved(autocommit)
        data = (await db.get_profile(GUEST)).profile_data | {"room": 6}
        profile = await db.update_profile(GUEST, profile_data=data)
        assert profile.profile_data == {"room": 6, "legacy": LEGACY}


@pytest.mark.parametrize("kind", KINDS)
async def test_clearing_profile_data_leaves_preserved_records(
    kind: str, database_url: str, autocommit: Connection[TupleRow]
) -> None:
    async with Either(kind, database_url) as db:
        await db.update_profile(GUEST, profile_data={"room": 5, "n": None})
        put_reserved(autocommit)
        assert (await db.update_profile(GUEST, profile_data=CLEAR)).profile_data == {"legacy": LEGACY}
        before = traces(autocommit)
        assert (await db.update_profile(GUEST, profile_data=CLEAR)).profile_data == {"legacy": LEGACY}
        assert traces(autocommit) == before
