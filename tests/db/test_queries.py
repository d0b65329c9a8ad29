"""`database.queries`: every named query as a method, with equal answers in both classes."""

from __future__ import annotations

import copy
import pickle
import re
import threading
import traceback
from pathlib import Path
from typing import Any

import psycopg
import pytest

import guestsql
from guestsql import AsyncGuestDatabase, GuestDatabase
from guestsql.errors import ConstraintViolation, DatabaseError, InvalidValue
from guestsql.sql import internal_directory, query, read_packaged
from tests.databases import GUEST, KINDS, OTHER, Either, case_id, make_settings

Connection = psycopg.Connection[Any]

QUERIES = """
-- name: list_numbers(low, high)
-- Numbers, ascending.
--   low: int = 1, first
--   high: int, last
SELECT number FROM generate_series(:low::int, :high::int) AS number ORDER BY number;

-- name: get_pair(number)^
-- One row when the number is above 0.
--   number: int, any
SELECT :number::int AS number, 'text %s ? :x $1' AS words WHERE :number::int > 0;

-- name: get_value(number)$
-- The number, NULL for 0, nothing below.
--   number: int, any
SELECT nullif(:number::int, 0) AS number WHERE :number::int >= 0;

-- name: count_letters(letters)!
-- Inserts rows.
--   letters: text[], any
INSERT INTO letters (letter) SELECT unnest(:letters::text[]);

-- name: analyze_letters()!
-- A command without a count.
ANALYZE letters;

-- name: add_letter(letter)
-- Inserts a row and returns it.
--   letter: text, any
INSERT INTO letters (letter) VALUES (:letter::text) RETURNING letter;

-- name: echo_bytes(data)$
-- What it was given.
--   data: bytea, any
SELECT :data::bytea AS data;

-- name: get_twice(word)^
-- A word twice.
--   word: text, any
SELECT :word::text AS first, :word::text AS second;
"""


@pytest.fixture
def folder(tmp_path: Path, autocommit: Connection) -> Path:
    """A folder of query files, and the table that they need."""
    autocommit.execute("CREATE TABLE letters (letter text PRIMARY KEY)")
    path = tmp_path / "queries"
    path.mkdir()
    (path / "some.sql").write_text(QUERIES, encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", KINDS)
async def test_answers(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder) as db:
        assert [row.number for row in await db.queries.list_numbers(low=2, high=4)] == [2, 3, 4]
        assert [row.number for row in await db.queries.list_numbers(high=2)] == [1, 2]
        assert await db.queries.list_numbers(low=1, high=0) == []
        assert (await db.queries.get_pair(number=5))._asdict() == {"number": 5, "words": "text %s ? :x $1"}
        assert await db.queries.get_pair(number=0) is None
        assert [await db.queries.get_value(number=number) for number in (7, 0, -1)] == [7, None, None]
        assert await db.queries.count_letters(letters=["a", "b"]) == 2
        assert await db.queries.count_letters(letters=[]) == 0
        assert await db.queries.analyze_letters() == 0
        assert await db.queries.echo_bytes(data=b"\x00\xff") == b"\x00\xff"
        assert await db.queries.get_twice(word="a'b\\%s") == ("a'b\\%s", "a'b\\%s")


@pytest.mark.parametrize("kind", KINDS)
async def test_nothing_is_lazy(kind: str, database_url: str, folder: Path, autocommit: Connection) -> None:
    async with Either(kind, database_url, queries_dir=folder) as db:
        await db.queries.add_letter(letter="a")  # the rows are not used
        assert autocommit.execute("SELECT letter FROM letters").fetchall() == [("a",)]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_answer_is_not_changed_by_the_next(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        first = await db.queries.list_numbers(high=3)
        pair = await db.queries.get_pair(number=1)
        await db.queries.list_numbers(high=1)
        assert await db.queries.get_pair(number=2) == (2, pair.words)
        assert [row.number for row in first] == [1, 2, 3]
        assert pair.number == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_one_query_with_ints_of_any_size(kind: str, database_url: str, autocommit: Connection) -> None:
    async with Either(kind, database_url, pool_max=1) as db:
        for tokens in (3, 100_000, 5_000_000_000):
            given = {"thread_id": str(tokens), "tokens": tokens, "operation_id": f"operation-{tokens}"}
            assert await db.queries.add_thread_tokens(phone_number=GUEST, **given) == tokens
    assert autocommit.execute("SELECT thread_tokens FROM guest_profiles").fetchone() == (5_000_000_000,)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, r"get_pair\(number\): missing number"),
        ({"numbr": 5}, r"get_pair\(number\): missing number; unexpected numbr"),
        ({"number": 5, "other": 6}, r"get_pair\(number\): unexpected other"),
    ],
)
@pytest.mark.parametrize("kind", KINDS)
async def test_wrong_parameters(
    kind: str, database_url: str, folder: Path, parameters: dict[str, object], message: str
) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        with pytest.raises(TypeError, match=message):
            await db.queries.get_pair(**parameters)
        assert (await db.queries.get_pair(number=1)).number == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_parameters_have_names(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(TypeError, match="get_profile"):
            await db.queries.get_profile(GUEST)


@pytest.mark.parametrize("kind", KINDS)
async def test_an_unknown_name(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(AttributeError) as caught:
            db.raw.queries.get_profil  # noqa: B018  reading it is the test
        told = str(caught.value)
        assert told.startswith("no query is named 'get_profil': did you mean get_profile")
        assert told.endswith("? (see guestsql query list)")
        assert caught.value.name == "get_profil"
        with pytest.raises(AttributeError, match=r"^no query is named 'xyz_qqq' \(see guestsql query list\)$"):
            db.raw.queries.xyz_qqq  # noqa: B018
        # Python's own guess would stand behind it a second time.
        assert "".join(traceback.format_exception(caught.value)).count("get_profile") == told.count("get_profile")


@pytest.mark.parametrize("kind", KINDS)
async def test_what_looks_for_special_names_finds_none(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        queries = db.raw.queries
        assert not hasattr(queries, "__wrapped__")
        assert not hasattr(queries, "_ipython_display_")
        twin = copy.copy(queries)
        assert list(twin) == list(queries)
        assert twin.get_profile.__name__ == "get_profile"
        with pytest.raises(TypeError, match="pickle"):  # what it holds cannot go to another process
            pickle.dumps(queries)
        assert not hasattr(type(queries).__new__(type(queries)), "get_profile")  # as pickle finds it, half made


def test_what_there_is_can_be_seen(database_url: str) -> None:
    queries = GuestDatabase(database_url).queries
    assert "get_profile" in dir(queries)
    assert sorted(queries) == dir(queries)
    assert len(queries) == len(dir(queries))
    assert queries.get_profile.__name__ == "get_profile"
    assert "profile" in (queries.get_profile.__doc__ or "")


def test_both_classes_have_the_same_queries_and_methods(database_url: str) -> None:
    sync, other = GuestDatabase(database_url), AsyncGuestDatabase(database_url)
    assert dir(sync.queries) == dir(other.queries)
    public = [{name for name in dir(one) if not name.startswith("_")} for one in (sync, other)]
    assert public[0] == public[1]


@pytest.mark.parametrize("kind", KINDS)
async def test_an_error_names_the_query(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder) as db:
        await db.queries.add_letter(letter="a")
        with pytest.raises(ConstraintViolation) as caught:
            await db.queries.add_letter(letter="a")
        assert (caught.value.query, caught.value.sqlstate) == ("add_letter", "23505")
        assert caught.value.constraint == "letters_pkey"


@pytest.mark.parametrize(
    "parameters",
    [
        {"number": "573000000001x"},
        {"number": 2**40},
        {"number": object()},
        {"number": "a\x00"},
        {"number": {"a": 1}},
    ],
    ids=case_id,
)
@pytest.mark.parametrize("kind", KINDS)
async def test_values_that_do_not_fit(
    kind: str, database_url: str, folder: Path, parameters: dict[str, object]
) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        with pytest.raises(DatabaseError) as caught:
            await db.queries.get_pair(**parameters)
        assert caught.value.query == "get_pair"
        assert "573000000001x" not in str(caught.value)
        assert (await db.queries.get_pair(number=1)).number == 1


@pytest.mark.parametrize("kind", KINDS)
async def test_half_an_emoji_is_refused(kind: str, database_url: str, folder: Path) -> None:
    async with Either(kind, database_url, queries_dir=folder, pool_max=1) as db:
        with pytest.raises(InvalidValue, match="add_letter"):
            await db.queries.add_letter(letter="\ud83d")
        await db.queries.add_letter(letter="a")


@pytest.mark.parametrize("kind", KINDS)
async def test_every_constraint_has_its_name(kind: str, database_url: str) -> None:
    async with Either(kind, database_url) as db:
        with pytest.raises(ConstraintViolation) as caught:
            await db.queries.set_thread(phone_number="nobody", thread_id="t")
        assert caught.value.constraint == "guest_profiles_phone_number_check"
        assert "nobody" not in str(caught.value)


def test_many_threads(database_url: str) -> None:
    with GuestDatabase(settings=make_settings(database_url, pool_max=4)) as db:
        for guest in (GUEST, OTHER):
            db.update_profile(guest, user_name=f"Name {guest}")
        wrong: list[object] = []
        barrier = threading.Barrier(16)

        def read(guest: str) -> None:
            barrier.wait()
            for _ in range(25):
                row = db.queries.get_profile(phone_number=guest)
                if row.user_name != f"Name {guest}":
                    wrong.append(row)

        threads = [threading.Thread(target=read, args=((GUEST, OTHER)[number % 2],)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.parametrize("kind", KINDS)
async def test_a_folder_with_one_file_adds_to_the_packaged_queries(
    kind: str, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "mine.sql").write_text("-- name: list_ones(a)\nSELECT :a::int AS one;\n", encoding="utf-8")
    async with Either(kind, database_url, queries_dir=tmp_path) as db:
        assert await db.queries.list_ones(a=1) == [(1,)]
        assert await db.queries.get_profile(phone_number=GUEST) is None
        assert await db.get_context(GUEST) != ""


def test_every_internal_query_is_called_by_the_package() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in Path(guestsql.__file__).parent.rglob("*.py"))
    internal = read_packaged(*(f"internal/{file.name}" for file in internal_directory().glob("*.sql")))
    assert internal.keys() - set(re.findall(r"\w+", sources)) == set()


@pytest.mark.parametrize("kind", KINDS)
async def test_only_queries_that_are_called_have_tokens(kind: str, database_url: str) -> None:
    """Those of all would take twice the memory and five times the time. A hook that only reads is checked at once."""
    query._tokens.cache_clear()
    async with Either(kind, database_url) as db:
        await db.get_profile(GUEST)
        await db.update_profile(GUEST, user_name="Ana")
    assert query._tokens.cache_info().misses < 30
