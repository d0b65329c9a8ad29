"""A dict or a list for a JSON parameter, without wrapping it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from guestsql.errors import DatabaseError, InvalidValue
from tests.databases import KINDS, Either

QUERIES = """
-- name: get_described(data)$
-- The value.
--   data: jsonb = '{}', any
SELECT CAST(:data AS jsonb);

-- name: get_cast(data)$
-- The value; only the cast gives the type.
SELECT :data::json;

-- name: get_pair(before, data, after)^
-- Three values.
--   before: int, any
--   data: jsonb, any
--   after: text[], any
SELECT :after::text[] AS after, :before::int AS before, :data::jsonb AS data;

-- name: get_text(data)$
-- A text.
--   data: text, any
SELECT :data::text;
"""
VALUES: list[Any] = [{"a": [1, "é'\"\\"], "b": None}, {}, [], [{"c": 1.5}], [1, 2]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "json.sql").write_text(QUERIES, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("kind", KINDS)
async def test_a_dict_and_a_list_arrive_as_json(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        for value in VALUES * 2:  # prepared the later times
            assert await db.queries.get_described(data=value) == value
            assert await db.queries.get_cast(data=value) == value
            assert await db.queries.get_pair(data=value, after=["x"], before=1) == (["x"], 1, value)
        assert await db.queries.get_described() == {}
        assert await db.queries.get_described(data='{"text": true}') == {"text": True}
        assert await db.queries.get_described(data=None) is None


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_no_json(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        with pytest.raises(InvalidValue, match="datetime"):
            await db.queries.get_described(data={"at": datetime.now(UTC)})
        with pytest.raises(DatabaseError, match="a parameter cannot be a dict") as caught:
            await db.queries.get_text(data={})
        assert ":name::jsonb" in caught.value.hint
        assert await db.queries.get_text(data="{}") == "{}"
