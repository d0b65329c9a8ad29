"""The findings do not depend on the plan that the server happens to choose: not on its settings, nor on statistics."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest

from guestsql.check import scratch_database
from guestsql.migrate import PACKAGED, Series
from guestsql.settings import Settings
from tests.checking import SHIPPED, check_paths, extended_migrations, told
from tests.db.test_check_corpus import CORPUS
from tests.db.test_check_docs import _EXAMPLE, DOCS
from tests.server import private_server

IS_LONG = bool(os.environ.get("GUESTSQL_LONG_TESTS"))
# Each by itself, as a server, a role or a database may set it.
SETTINGS = [
    "enable_nestloop=off",
    "enable_hashjoin=off",
    "enable_mergejoin=off",
]
FURTHER_SETTINGS = [
    "enable_indexscan=off enable_indexonlyscan=off enable_bitmapscan=off",
    "enable_sort=off enable_hashagg=off enable_incremental_sort=off enable_partition_pruning=off",
    "random_page_cost=0.01 seq_page_cost=50 cpu_tuple_cost=3 work_mem=64kB",
    "from_collapse_limit=1 join_collapse_limit=1 geqo_threshold=2 jit_above_cost=0 plan_cache_mode=force_custom_plan",
]
LEFT_JOINS = """-- name: list_left()
-- Not total: a floor has many rooms.
SELECT f.floor, s.begins FROM rooms AS f LEFT JOIN stays AS s ON s.room_number = f.room_number
ORDER BY f.hotel_id, f.room_number LIMIT 5;

-- name: list_pairs()
-- Not total.
SELECT a.stay_id, b.note FROM stays AS a INNER JOIN stays AS b ON a.begins = b.begins ORDER BY a.stay_id LIMIT 5;

-- name: list_codes()
-- Not total: many rooms may have no code, UNIQUE or not.
SELECT room_number, code FROM rooms ORDER BY code LIMIT 5;

-- name: list_inner()
-- Not total.
SELECT f.floor, s.begins FROM rooms AS f INNER JOIN stays AS s ON s.room_number = f.room_number
ORDER BY f.hotel_id, f.room_number LIMIT 5;

-- name: list_all_pairs()
-- Not total.
SELECT f.code, s.stay_id FROM rooms AS f CROSS JOIN stays AS s ORDER BY f.hotel_id, f.room_number LIMIT 5;

-- name: get_by_code(code)^
-- Many: where code is NULL.
--   code: text, may be NULL
SELECT floor FROM rooms WHERE code IS NOT DISTINCT FROM :code::text;

-- name: get_by_code_given(code)^
-- One.
--   code: text, which
SELECT floor FROM rooms WHERE code IS NOT DISTINCT FROM :code::text;
"""


@pytest.fixture(scope="module")
def own_server():
    """A server whose catalogues no other test has changed, or changes."""
    with private_server() as server:
        yield server


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    return extended_migrations(tmp_path_factory.mktemp("check"))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The shipped files, the odd but right queries, both examples of every rule, and joins."""
    folder = tmp_path_factory.mktemp("files")
    (folder / "odd.sql").write_text(CORPUS, encoding="utf-8")
    (folder / "joins.sql").write_text(LEFT_JOINS, encoding="utf-8")
    for page in sorted((DOCS / "rules").glob("GS[2-5]*.md")):
        for at, example in enumerate(_EXAMPLE.findall(page.read_text(encoding="utf-8"))):
            (folder / f"{page.stem}_{at}.sql").write_text(example, encoding="utf-8")
    return [*SHIPPED, *sorted(folder.glob("*.sql"))]


@pytest.fixture(scope="module")
def expected(own_server, files, extended):
    return _found(own_server.url(), files, extended)


def _found(url: str, files: list[Path], migrations: Path) -> list[str]:
    # Names that several examples share are reported for each of them; that does not matter here.
    return [line for line in told(check_paths(url, files, migrations=migrations)) if " GS005 " not in line]


def _with_options(url: str, settings: str) -> str:
    options = " ".join(f"-c {setting}" for setting in settings.split())
    return f"{url}{'&' if '?' in url else '?'}options={quote(options)}"


def test_joins_of_every_kind_are_judged(expected):
    found = [line.split(" ", 1)[1].split(":")[0] for line in expected if line.startswith("joins.sql")]
    assert found == [
        "GS306 list_left",
        "GS306 list_pairs",
        "GS306 list_codes",
        "GS306 list_inner",
        "GS306 list_all_pairs",
        "GS302 get_by_code",
    ]


def test_what_is_found_has_plans_in_it(expected):
    """Otherwise the other tests would prove little."""
    rules = {line.split(" ")[1] for line in expected}
    assert {"GS302", "GS306", "GS307", "GS401", "GS501", "GS502"} <= rules


@pytest.mark.parametrize("settings", [*SETTINGS, *(FURTHER_SETTINGS if IS_LONG else [])])
def test_settings_of_the_server_change_no_finding(own_server, files, extended, expected, settings):
    assert _found(_with_options(own_server.url(), settings), files, extended) == expected


def test_statistics_change_no_finding(own_server, files, extended, expected):
    with closing(_scratch(own_server.url(), extended)) as connection:
        connection.execute("ANALYZE")  # the catalogues, and the tables that the check reads
    assert _found(own_server.url(), files, extended) == expected
    with closing(_scratch(own_server.url(), extended)) as connection:
        # Catalogues as of a server that has been up for long.
        for number in range(100):
            connection.execute(
                f"CREATE TABLE filler_{number} (id int PRIMARY KEY, a text CHECK (a <> ''), b int[])".encode()
            )
        connection.execute("VACUUM ANALYZE")
    assert _found(own_server.url(), files, extended) == expected


def test_a_table_that_was_analysed_is_as_if_it_never_was(own_server, extended):
    query = (
        "SELECT count(*) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND reltuples >= 0"
    )
    with closing(_scratch(own_server.url(), extended)) as connection:
        connection.execute("ANALYZE")
        assert connection.execute(query.encode()).fetchone()[0] > 0
    with scratch_database(Settings(), own_server.url(), [Series(PACKAGED, extended)]) as connection:
        assert connection.execute(query.encode()).fetchone()[0] == 0


def _scratch(url: str, migrations: Path) -> psycopg.Connection:
    """A connection to the scratch database that is not the check's own."""
    with scratch_database(Settings(), url, [Series(PACKAGED, migrations)]) as connection:
        name = connection.info.dbname
    return psycopg.connect(url, dbname=name, autocommit=True)
