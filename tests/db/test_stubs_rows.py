"""Rows at run time are of the classes that the stubs name."""

from __future__ import annotations

import pickle
import subprocess
import sys
import typing

import pytest

from guestsql.guests import query_rows as rows
from guestsql.sql.row_classes import RowTypes, field_names, override_of, row_type
from tests.checking import override
from tests.cli.shell import invoke
from tests.databases import GUEST, KINDS, Either


@pytest.mark.parametrize("kind", KINDS)
async def test_a_row_is_of_the_class_that_the_stubs_name(database_url, kind):
    async with Either(kind, database_url) as db:
        assert await db.queries.get_profile(phone_number=GUEST) is None
        await db.update_profile(GUEST, user_name="Ana", labels=["VIP"])
        row = await db.queries.get_profile(phone_number=GUEST)
        assert type(row) is rows.GetProfileRow
        assert isinstance(row, tuple)
        assert (row.phone_number, row.user_name, row.labels) == (GUEST, "Ana", ["VIP"])
        assert row == pickle.loads(pickle.dumps(row))
        (last,) = await db.queries.list_last_interactions()
        assert type(last) is rows.ListLastInteractionsRow


def test_a_class_has_the_types_of_the_stub():
    hints = typing.get_type_hints(rows.GetProfileRow)
    assert hints["phone_number"] is str
    assert hints["user_name"] == str | None
    assert rows.GetProfileRow._fields == tuple(hints)
    assert rows.GetProfileRow.__doc__ == "A row of `get_profile`."
    assert "GetProfileRow" in dir(rows)
    with pytest.raises(AttributeError, match="GetProfilRow"):
        _ = rows.GetProfilRow


def test_no_class_is_made_before_it_is_needed():
    one = "assert not r._rows._made; r.GetProfileRow; assert len(r._rows._made) == 1"
    source = f"from guestsql.guests import query_rows as r; {one}"
    subprocess.run([sys.executable, "-W", "error", "-c", source], check=True)


EDITED = """
-- name: list_marked()
-- The marks at the end of a name are none of the field's.
-- check: allow GS306, because there is one
SELECT 1 AS "sure!", NULL::int AS "unsure?", 2 AS "class", 3 AS count, 4 AS "?column?", 5 AS "sure", 6 AS "1st";
"""


@pytest.mark.parametrize("kind", KINDS)
async def test_the_mark_is_not_in_the_fields_name(database_url, tmp_path, kind):
    (tmp_path / "marked.sql").write_text(EDITED, encoding="utf-8")
    # The folder has another get_thread than the stubs know.
    override(tmp_path, "get_thread", lambda text: text.replace("AS token_count", "AS tokens", 1))
    async with Either(kind, database_url, queries_dir=tmp_path) as db:
        (row,) = await db.queries.list_marked()
        assert row._asdict() == {
            "sure": 1, "unsure": None, "class_": 2, "count": 3, "f_column_": 4, "sure_2": 5, "f1st": 6,
        }  # fmt: skip
        await db.update_profile(GUEST, user_name="Ana")
        thread = await db.queries.get_thread(phone_number=GUEST)
        assert thread._fields == ("phone_number", "thread_id", "tokens", "created_at")
        assert type(thread) is not rows.GetThreadRow


@pytest.mark.parametrize(
    ("column", "mark"), [("a!", "!"), ("a?", "?"), ("a", ""), ("!", ""), ("?column?", ""), ("a!b", "")]
)
def test_a_mark_stands_at_the_end(column, mark):
    assert override_of(column) == mark


def test_fields_are_identifiers_none_twice():
    names = field_names(["a", "a", "a_2", "größe", "with space", "for", "_x", "", "9"])
    assert names == ("a", "a_2", "a_2_2", "größe", "with_space", "for_", "f_x", "f", "f9")
    assert all(name.isidentifier() for name in names)


def test_what_is_registered_last_is_asked_first():
    types = RowTypes("elsewhere", {"get_profile": ("OtherRow", {"phone_number": "str"})})
    types.register()
    assert row_type("get_profile", [b"phone_number"]) is types.class_named("OtherRow")
    fields = [name.encode() for name in rows.GetProfileRow._fields]
    assert row_type("get_profile", fields) is rows.GetProfileRow
    assert row_type("get_profile", [b"other"])._fields == ("other",)


def test_the_shell_shows_no_mark_either(database_url, tmp_path):
    (tmp_path / "marked.sql").write_text(EDITED, encoding="utf-8")
    arguments = ("query", "run", "list_marked", "--format", "json")
    result = invoke(*arguments, DATABASE_URL=database_url, GUESTSQL_QUERIES_DIR=str(tmp_path))
    assert result.exit_code == 0
    assert '"sure!"' not in result.stdout
    assert '"unsure": null' in result.stdout
