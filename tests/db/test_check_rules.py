"""Slips that the shipped files give no occasion for, and several at once."""

from __future__ import annotations

import pytest

from tests.checking import check_text, extended_migrations

HEAD = "-- check: large stays, rooms\n\n"


@pytest.fixture(scope="module")
def extended(tmp_path_factory):
    return extended_migrations(tmp_path_factory.mktemp("check"))


@pytest.fixture
def found(server, tmp_path, extended):
    def run(text):
        return [(each.line, each.rule) for each in check_text(server.url(), tmp_path, {"q.sql": text}, extended)]

    return run


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("SELECT r.* FROM rooms AS r WHERE r.code = 'a'", "GS301"),
        ("SELECT r.code, r.* FROM rooms AS r WHERE r.code = 'a'", "GS301"),
        ("SELECT public.rooms.* FROM public.rooms WHERE code = 'a'", "GS301"),
        ("SELECT DISTINCT * FROM rooms WHERE code = 'a'", "GS301"),
        ("SELECT DISTINCT ON (floor) * FROM rooms WHERE code = 'a'", "GS301"),
        ("SELECT x.floor FROM (SELECT * FROM rooms) AS x WHERE x.code = 'a'", "GS301"),
        ("SELECT begins FROM stays LIMIT ALL", "GS302"),
        ("SELECT begins FROM stays OFFSET 1", "GS302"),
        ("SELECT begins FROM stays LIMIT 2", "GS302"),
        ("SELECT floor FROM rooms WHERE code = 'a' OR floor = 3", "GS302"),
        ("SELECT floor FROM rooms WHERE code IN ('a', 'b')", "GS302"),
        ("SELECT hotel_id FROM rooms WHERE floor = 2", "GS302"),
        ("SELECT floor FROM rooms WHERE code = code", "GS302"),
        ("SELECT count(*) AS rooms FROM rooms GROUP BY floor", "GS302"),
        (
            "SELECT s.begins FROM rooms AS r INNER JOIN stays AS s USING (hotel_id, room_number) WHERE r.code = 'a'",
            "GS302",
        ),
        ("SELECT n FROM generate_series(1, 3) AS g (n)", "GS302"),
        ("VALUES (1), (2)", "GS302"),
        ("SELECT 1 AS n UNION ALL SELECT 2", "GS302"),
        ("SELECT unnest(ARRAY[1, 2]) AS n", "GS302"),
        ("SELECT body FROM events WHERE id = 3", "GS302"),
        ("SELECT begins FROM stays ORDER BY stay_id LIMIT (2)", "GS302"),
        ("(SELECT begins FROM stays ORDER BY stay_id LIMIT 2)", "GS302"),
        ("SELECT begins FROM stays ORDER BY begins FETCH FIRST 1 ROW WITH TIES", "GS302"),
        ("SELECT begins FROM stays ORDER BY begins FETCH FIRST ROW WITH TIES", "GS302"),
        ("SELECT begins FROM stays WHERE note IS NOT DISTINCT FROM 'a'", "GS302"),
        ("SELECT DISTINCT ON (phone_number) begins FROM stays WHERE note = 'a' ORDER BY phone_number, begins", "GS302"),
        (
            "SELECT q.code FROM (SELECT code, row_number() OVER (PARTITION BY floor) AS n FROM rooms) AS q WHERE n = 1",
            "GS302",
        ),
        ("SELECT CURRENT_TIMESTAMP AS moment", "GS403"),
        ("SELECT pg_catalog.now() AS moment", "GS403"),
        ("SELECT timestamptz 'now' AS moment", "GS403"),
        ("SELECT LOCALTIMESTAMP AS moment", "GS403"),
        ("SELECT CURRENT_DATE AS day", "GS403"),
        ("SELECT CAST('now' AS timestamptz) AS moment", "GS403"),
        ("SELECT CAST(' Today ' AS pg_catalog.date) AS day", "GS403"),
        ("SELECT 'now'::pg_catalog.timestamptz AS moment", "GS403"),
        ("SELECT pg_catalog.timestamptz('now') AS moment", "GS403"),
        ("SELECT date('tomorrow') AS day", "GS403"),
    ],
)
def test_a_query_for_one_row(found, sql, rule):
    assert (2, rule) in found(f"-- name: get_it()^\n{sql};\n") or (1, rule) in found(f"-- name: get_it()^\n{sql};\n")


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT stay_id FROM stays ORDER BY begins LIMIT 5", {"GS306"}),
        ("SELECT s.stay_id, r.floor FROM stays AS s CROSS JOIN rooms AS r ORDER BY s.stay_id LIMIT 5", {"GS306"}),
        ("SELECT floor, count(*) AS n FROM rooms GROUP BY floor ORDER BY n LIMIT 5", {"GS306"}),
        ("SELECT hotel_id, room_number FROM rooms ORDER BY room_number LIMIT 5", {"GS306"}),
        ("SELECT begins FROM stays ORDER BY lower(note) LIMIT 5", {"GS306"}),
        ("SELECT stay_id FROM (SELECT stay_id FROM stays ORDER BY stay_id) AS x LIMIT 5", {"GS306"}),
        ("SELECT n FROM generate_series(1, 3) AS g (n)", {"GS306"}),
        ("SELECT phone_number, count(*) AS n FROM stays GROUP BY phone_number ORDER BY phone_number", {"GS307"}),
        ("SELECT stay_id FROM stays ORDER BY stay_id LIMIT NULL", {"GS307"}),
        ("SELECT stay_id FROM stays", {"GS306", "GS307"}),
        ("(SELECT stay_id FROM stays)", {"GS306", "GS307"}),
        ("(SELECT stay_id FROM stays ORDER BY begins LIMIT 5)", {"GS306"}),
        ("TABLE free_rooms ORDER BY hotel_id, room_number LIMIT 5", {"GS301"}),
    ],
)
def test_a_list(found, sql, expected):
    assert {rule for _, rule in found(f"-- name: list_it()\n{sql};\n")} == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT count(*) FROM stays",
        "SELECT count(*) FROM stays WHERE note = 'a'",
        "SELECT count(*) FROM (SELECT s.begins FROM stays AS s WHERE s.note > 'a' ORDER BY s.stay_id) AS x",
        "SELECT (SELECT count(*) FROM stays AS s WHERE s.note = c.label) FROM tags AS c WHERE tag_id = 1",
        "WITH noted AS MATERIALIZED (SELECT stay_id FROM stays WHERE note = 'a') SELECT count(*) FROM noted",
        "SELECT begins FROM stays WHERE note = 'a' ORDER BY stay_id LIMIT 1",
        "SELECT begins FROM stays WHERE note = 'a' LIMIT 1",
        "WITH gone AS (DELETE FROM stays WHERE note = 'a' RETURNING stay_id) SELECT count(*) FROM gone",
        "SELECT count(*) FROM rooms AS r INNER JOIN stays AS s ON s.note = r.code",
        "SELECT count(*) FROM stays WHERE phone_number || '' = '1'",
    ],
)
def test_a_large_table_that_is_read_whole(found, sql):
    assert (4, "GS501") in found(f"{HEAD}-- name: get_it()$\n{sql};\n")


@pytest.mark.parametrize("operator", ["$", ""])
def test_a_large_partitioned_table_that_is_read_whole(found, operator):
    text = (
        f"-- check: large events\n\n-- name: get_it(){operator}\nSELECT count(*) AS n FROM events\nWHERE body = '1';\n"
    )
    assert [place for place in found(text) if place[1] == "GS501"] == [(4, "GS501")]


@pytest.mark.parametrize(
    ("sql", "rule"),
    [
        ("LOCK TABLE guest_profils IN SHARE MODE", "GS202"),
        ("TRUNCATE historical_clents", "GS202"),
        ("DROP TABLE roms", "GS202"),
        ("CREATE INDEX an_index ON rooms (flor)", "GS203"),
        ("ALTER TABLE rooms DROP COLUMN flor", "GS203"),
        ("COMMENT ON COLUMN rooms.flor IS 'x'", "GS203"),
        ("LOCK TABLE guest_profiles IN SHARE MODE", None),
        ("DROP TABLE IF EXISTS roms", None),
        ("DROP TABLE rooms CASCADE", None),
        ("CREATE INDEX CONCURRENTLY an_index ON rooms (floor)", None),
        ("GRANT SELECT ON rooms TO nobody_here", None),
        ("CREATE TABLE rooms (a int)", None),
    ],
)
def test_a_command_that_names_what_is_not_there(found, sql, rule):
    for _ in range(2):  # whatever it does is undone
        assert found(f"-- name: do_it()!\n{sql};\n") == ([] if rule is None else [(2, rule)])


def test_a_hot_query_that_reads_a_range(found):
    text = "-- name: get_it()$\n-- check: hot\nSELECT count(*) FROM stays\nWHERE phone_number = '1';\n"
    assert found(text) == [(3, "GS502")]


def test_a_mark_of_a_table_that_is_not_there(found):
    assert found("-- check: large stais\n\n-- name: get_it()$\nSELECT 1 AS one;\n") == [(1, "GS007")]


@pytest.mark.parametrize("mark", ["emtpy: nobody came", "Empty: nobody came", "metric: rooms", "empty:"])
def test_a_mark_that_is_misspelt(found, mark):
    text = "-- name: get_it()$\n-- One.\n{}SELECT 1 AS one;\n"
    assert found(text.format(f"-- {mark}\n")) == [(3, "GS007")]


@pytest.mark.parametrize("line", ["empty: nobody came", "internal: ours", "interval: of a day", "Note: nothing", "one"])
def test_a_mark_that_is_spelt_right_and_prose(found, line):
    assert found(f"-- name: get_it()$\n-- One.\n-- {line}\nSELECT 1 AS one;\n") == []


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE rooms SET is_free = TRUE",
        "DELETE FROM stays",
        "DELETE FROM ONLY stays AS s",
        "WITH a AS (SELECT 1 WHERE FALSE) UPDATE rooms SET floor = 1",
        "UPDATE rooms SET floor = (SELECT max(r.floor) FROM rooms AS r WHERE r.is_free)",
    ],
)
def test_a_write_without_where(found, sql):
    assert (2, "GS402") in found(f"-- name: set_it()!\n{sql};\n")


@pytest.mark.parametrize(
    ("sql", "operator"),
    [
        ("SELECT nextval('tickets') AS ticket", "$"),
        ("SELECT floor FROM rooms WHERE code = 'a' FOR SHARE", "$"),
        ("WITH gone AS (DELETE FROM stays WHERE note = 'a' RETURNING stay_id) SELECT count(*) FROM gone", "$"),
        ("TRUNCATE stays", "!"),
        ("MERGE INTO rooms AS r USING (SELECT 1 AS n) AS g ON r.floor = g.n WHEN MATCHED THEN DELETE", "!"),
    ],
)
def test_a_write_in_a_file_that_only_reads(found, sql, operator):
    assert found(f"-- check: read-only\n\n-- name: get_it(){operator}\n{sql};\n") == [(4, "GS401")]


@pytest.mark.parametrize(
    ("type_", "default", "is_found"),
    [
        ("int", "'abc'", True),
        ("smallint", "70000", True),
        ("date", "'2026-02-30'", True),
        ("mood", "'gla'", True),
        ("int[]", "'1, 2'", True),
        ("int", "30", False),
        ("int", "null", False),
        ("date", "'2026-02-28'", False),
        ("mood", "'sad'", False),
        ("text", "''", False),
        ("text", "'it''s \\ %s'", False),
        ("int[]", "'{1,2}'", False),
    ],
)
def test_a_default_that_is_none_of_its_type(found, type_, default, is_found):
    text = (
        f"-- name: get_it(a, x, b)$\n--   a: int, any\n--   x: {type_} = {default}, any\n--   b: int = 3, any\n"
        f"SELECT (:a::int + :b::int)::text || :x::{type_}::text AS value;\n"
    )
    assert found(text) == ([(3, "GS109")] if is_found else [])


def test_one_broken_query_hides_no_other(server, tmp_path, extended):
    text = """-- name: get_a(x)$
--   x: int, any
SELECT :y::int AS a;

-- name: get_b()$
SELECT 'b AS b;

-- name: get_c()$
SELECT nothing AS c;

-- name: get_d()$
SELECT 1 AS d FROM nowhere;

-- name: get_e()$
SELECT now() AS e, current_setting(1) AS f;

-- name: get_f()$
SELECT 6 AS f;
"""
    found = check_text(server.url(), tmp_path, {"q.sql": text}, extended)
    assert [(each.line, each.rule, each.query) for each in found] == [
        (3, "GS101", "get_a"),
        (6, "GS002", "get_b"),
        (9, "GS203", "get_c"),
        (12, "GS202", "get_d"),
        (15, "GS403", "get_e"),
        (15, "GS204", "get_e"),
    ]


def test_an_exception_is_of_one_rule_in_one_query(found):
    text = """-- name: get_a()$
-- check: allow GS403, because it is the transaction's time that is wanted
SELECT now() AS a;

-- name: get_b()$
SELECT now() AS b;
"""
    assert found(text) == [(6, "GS403")]


def test_the_place_is_that_of_the_file_behind_parameters_and_letters_of_other_scripts(server, tmp_path, extended):
    text = "-- name: get_a(x)$\n--   x: text, any\nSELECT 'ñandú ☂' || :x::text || 'é' || nothing AS a;\n"
    (finding,) = check_text(server.url(), tmp_path, {"q.sql": text}, extended)
    assert (finding.line, finding.column, finding.width) == (
        3,
        1 + text.split("\n")[2].index("nothing"),
        len("nothing"),
    )


@pytest.mark.parametrize(
    "sql",
    [
        "SET statement_timeout = '5s'",
        "set session statement_timeout = 0",
        "SET ROLE postgres",
        "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        "RESET ALL",
        "PREPARE one AS SELECT 1",
        "DEALLOCATE ALL",
        "LISTEN rooms",
        "UNLISTEN *",
        "DISCARD ALL",
        "DECLARE few CURSOR WITH HOLD FOR SELECT 1",
        "BEGIN",
        "COMMIT",
        "SAVEPOINT here",
        "SELECT set_config('statement_timeout', '0', false) AS done",
    ],
)
def test_what_stays_in_the_connection(found, sql):
    operator = "$" if sql.startswith("SELECT") else "!"
    rules = [each for each in found(f"-- name: get_it(){operator}\n-- It.\n{sql};\n") if each[1] != "GS303"]
    assert rules == [(3, "GS404")]


@pytest.mark.parametrize(
    "sql",
    [
        "SET LOCAL statement_timeout = '5s'",
        "SET TRANSACTION READ ONLY",
        "SET CONSTRAINTS ALL DEFERRED",
        "UPDATE rooms SET floor = 1 WHERE code = 'a'",
        "COPY rooms TO '/tmp/rooms'",
        "COPY rooms FROM PROGRAM 'true'",
        "COPY (SELECT code AS stdout FROM rooms) TO '/tmp/rooms'",
    ],
)
def test_what_ends_with_the_transaction_or_stays_on_the_server(found, sql):
    assert found(f"-- name: get_it()!\n-- It.\n{sql};\n") == []


@pytest.mark.parametrize(
    "sql",
    [
        "COPY rooms TO STDOUT",
        "COPY rooms (code) FROM STDIN WITH (FORMAT csv)",
        "copy (SELECT code FROM rooms) to stdout",
    ],
)
def test_copy_through_the_program(found, sql):
    assert found(f"-- name: get_it()!\n-- It.\n{sql};\n") == [(3, "GS405")]


@pytest.mark.parametrize(
    ("mark", "message"),
    [
        ("allow GS307, GS306, because all are needed", "names several"),
        ("allow GS307, because x", "too short"),
        ("allow GS307", "no reason"),
    ],
)
def test_what_is_wrong_with_a_suppression(server, tmp_path, mark, message):
    text = f"-- name: get_it()^\n-- It.\n-- check: {mark}\nSELECT 1 AS one;\n"
    found = check_text(server.url(), tmp_path, {"q.sql": text})
    assert message in next(each.message for each in found if each.rule == "GS007")
