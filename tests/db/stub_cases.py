"""Queries whose columns are known to be NULL or not, and data in which whatever can be NULL is."""

# ruff: noqa: E501  a query stands on one line
from __future__ import annotations

from typing import NamedTuple

SCHEMA = """
CREATE TYPE mood AS ENUM ('glad', 'sad');
CREATE DOMAIN stars AS int CHECK (value BETWEEN 1 AND 5);
CREATE DOMAIN sure AS int NOT NULL;
CREATE TABLE guests (
    id int PRIMARY KEY,
    name text NOT NULL,
    note text,
    mood mood,
    grade stars,
    labels text[] NOT NULL DEFAULT '{}' CHECK (labels = '{}' OR array_position(labels, NULL) IS NULL),
    tags text[] NOT NULL DEFAULT '{}',
    data jsonb NOT NULL DEFAULT '{}',
    born date NOT NULL DEFAULT 'infinity',
    full_name text GENERATED ALWAYS AS (name || ' ' || coalesce(note, '')) STORED NOT NULL
);
CREATE TABLE stays (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    guest_id int REFERENCES guests,
    room int NOT NULL,
    price numeric
);
CREATE TABLE parents (key int NOT NULL, must text NOT NULL, may text);
CREATE TABLE heirs () INHERITS (parents);
CREATE TABLE parts (key int NOT NULL, kept text NOT NULL) PARTITION BY LIST (key);
CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
CREATE TABLE holes (value sure);
CREATE TABLE spare (id int NOT NULL, name text NOT NULL);
CREATE TABLE odd_checks (
    tags text[] NOT NULL CHECK (array_remove(tags, NULL) = '{}'),
    none varchar[] NOT NULL CHECK (none = '{}')
);
CREATE TABLE spare_grids (id int NOT NULL, grid int[][] NOT NULL);
CREATE VIEW guest_stays AS SELECT g.id, g.name, s.room FROM guests AS g LEFT JOIN stays AS s ON s.guest_id = g.id;
CREATE VIEW counted AS SELECT guest_id, count(*) AS stays, max(price) AS dearest FROM stays GROUP BY guest_id;
CREATE VIEW deep AS SELECT v.id, v.room, c.stays FROM guest_stays AS v LEFT JOIN counted AS c ON c.guest_id = v.id;
CREATE VIEW ruled AS SELECT id, name FROM guests;
CREATE FUNCTION give_null() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.name := NULL; RETURN NEW; END $$;
CREATE TRIGGER ruled_insert INSTEAD OF INSERT ON ruled FOR EACH ROW EXECUTE FUNCTION give_null();
CREATE FUNCTION shy(int) RETURNS int LANGUAGE sql STRICT AS 'SELECT NULL::int';
CREATE FUNCTION many() RETURNS SETOF text LANGUAGE sql AS 'VALUES (NULL), (''a'')';
CREATE MATERIALIZED VIEW frozen AS SELECT id, name FROM guests;
"""

DATA = """
INSERT INTO guests (id, name, note, mood, grade, labels, tags, data, born) VALUES
    (1, 'Ana', 'a note', 'glad', 5, '{VIP,new}', '{x,NULL}', '{"a": 1, "n": null}', '2000-01-01'),
    (2, 'Beto', NULL, NULL, NULL, '{}', '{}', '{}', 'infinity'),
    (3, 'Caro', '', 'sad', 1, '{VIP}', '{NULL}', '{"a": "text"}', '-infinity');
INSERT INTO stays (guest_id, room, price) VALUES (1, 101, NULL), (1, 102, 50.5), (NULL, 103, 70), (3, 104, NULL);
ALTER TABLE heirs ALTER must DROP NOT NULL;
INSERT INTO parents VALUES (1, 'a', NULL);
INSERT INTO heirs VALUES (2, NULL, NULL);
INSERT INTO parts VALUES (1, 'kept');
INSERT INTO odd_checks VALUES ('{NULL}', '{}');
INSERT INTO spare_grids VALUES (1, '{{1,NULL}}'), (2, '{1}'), (3, '{{{1}}}');
INSERT INTO holes VALUES ((SELECT value FROM holes WHERE FALSE));
REFRESH MATERIALIZED VIEW frozen;
"""


class Case(NamedTuple):
    """A query.

    Attributes:
        sql: the statement.
        columns: for each column `.` when it is never NULL, `?` when it may be.
        since: the first major that knows it.
    """

    sql: str
    columns: str
    since: int = 15


CASES = [
    # Columns.
    Case("SELECT id, name, note, mood, grade, full_name FROM guests", "..???."),
    Case("SELECT ctid, tableoid FROM guests", ".."),
    Case("SELECT g FROM guests AS g", "."),
    Case("SELECT key, must, may FROM parents", ".??"),
    Case("SELECT key, must FROM ONLY parents", ".?"),
    Case("SELECT key, kept FROM parts", ".."),
    Case("SELECT value FROM holes", "?"),
    Case("SELECT id, name FROM frozen", "??"),
    # Joins.
    Case("SELECT g.id, s.id, s.room FROM guests g JOIN stays s ON s.guest_id = g.id", "..."),
    Case("SELECT g.id, s.guest_id FROM guests g JOIN stays s ON s.guest_id = g.id", ".."),
    Case("SELECT g.id, s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id", ".??"),
    Case("SELECT g.id, s.id, s.room FROM stays s RIGHT JOIN guests g ON s.guest_id = g.id", ".??"),
    Case("SELECT g.id, s.id FROM guests g RIGHT JOIN stays s ON s.guest_id = g.id", "?."),
    Case("SELECT g.id, s.id FROM guests g FULL JOIN stays s ON s.guest_id = g.id", "??"),
    Case("SELECT id, g.name, s.room FROM guests g FULL JOIN stays s USING (id)", ".??"),
    Case("SELECT id, g.id, s.id FROM guests g LEFT JOIN stays s USING (id)", "..?"),
    Case("SELECT id, g.id FROM guests g RIGHT JOIN stays s USING (id)", ".?"),
    Case("SELECT name, room FROM guests NATURAL LEFT JOIN stays", ".?"),
    Case(
        "SELECT a.id, b.id, c.id FROM guests a LEFT JOIN (guests b JOIN stays c ON c.guest_id = b.id) ON b.id = a.id + 1",
        ".??",
    ),
    Case(
        "SELECT a.id, b.id, c.id FROM guests a LEFT JOIN guests b ON b.id = a.id + 1 LEFT JOIN stays c ON c.guest_id = b.id",
        ".??",
    ),
    Case(
        "SELECT a.id, b.id, c.id FROM guests a LEFT JOIN guests b ON b.id = a.id + 1 RIGHT JOIN stays c ON c.guest_id = a.id",
        "??.",
    ),
    Case(
        "SELECT a.id, b.id, c.id FROM guests a LEFT JOIN guests b ON b.id = a.id + 1 JOIN stays c ON c.guest_id = b.id",
        "...",
    ),
    Case("SELECT id FROM (guests a FULL JOIN stays b USING (id)) RIGHT JOIN (VALUES (99)) AS v (id) USING (id)", "."),
    Case(
        "SELECT j.id FROM (guests a FULL JOIN stays b USING (id)) AS j RIGHT JOIN (VALUES (99)) AS v (n) ON v.n = j.id",
        "?",
    ),
    Case("SELECT g FROM stays s LEFT JOIN guests g ON g.id = s.guest_id", "?"),
    Case(
        "SELECT g.id, l.top FROM guests g LEFT JOIN LATERAL (SELECT s.room AS top FROM stays s WHERE s.guest_id = g.id LIMIT 1) l ON TRUE",
        ".?",
    ),
    Case(
        "SELECT g.id, l.n FROM guests g CROSS JOIN LATERAL (SELECT count(*) AS n FROM stays s WHERE s.guest_id = g.id) l",
        "..",
    ),
    Case("SELECT g.id, s.room FROM guests g, stays s WHERE s.guest_id = g.id", ".."),
    Case("SELECT s.id, l.id FROM guests g RIGHT JOIN stays s ON g.id = s.guest_id, LATERAL (SELECT g.id) l", ".?"),
    # What is false of NULL, and what is NULL of it.
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id = ANY ('{}'::bigint[]))",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id = ANY (ARRAY(SELECT id FROM stays WHERE FALSE)))",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id = ANY (array_remove(ARRAY[1::bigint], 1))) IS FALSE",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id = ANY ('{}'::bigint[])) IS NOT NULL",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT NOT (s.id <> ALL ('{}'::bigint[]))",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id = ANY (ARRAY(SELECT id FROM stays))",
        "..",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id = ANY (ARRAY(SELECT id FROM stays))) IS TRUE",
        "..",
    ),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id NOT IN (9, 8)", ".."),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id IN (9, 8))", ".."),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id = ANY ('{9}'::bigint[]))",
        "..",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id <> ALL ('{9}'::bigint[])",
        "..",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id = ANY (ARRAY[ARRAY[]::bigint[]]))",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id > 9 AND s.room > 0)",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id > 9 OR s.room > 999)",
        "..",
    ),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id IS NULL)", ".."),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id IS NOT NULL)", "??"),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id > 0) IS NOT FALSE", "??"
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id > 0) IS NOT UNKNOWN", ".."
    ),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id > 0) IS UNKNOWN", "??"),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id > 9 AND FALSE) IS FALSE",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id > 9 AND FALSE)", "??"
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id IN (SELECT id FROM stays)",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE coalesce(s.id = ANY ('{}'::bigint[]), FALSE) = FALSE",
        "??",
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE (s.id = ANY ('{}'::bigint[])) = FALSE",
        "??",
    ),
    Case("SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE num_nulls(s.id) = 1", "??"),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id IS DISTINCT FROM 9", "??"
    ),
    Case(
        "SELECT s.id, s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE NOT (s.id IS DISTINCT FROM 2)",
        "??",
    ),
    # Conditions.
    Case("SELECT note FROM guests WHERE note IS NOT NULL", "."),
    Case("SELECT note FROM guests WHERE note = 'a note' AND id = 1", "."),
    Case("SELECT note FROM guests WHERE note = 'a note' OR id = 2", "?"),
    Case("SELECT note FROM guests WHERE note = 'a note' OR lower(note) = ''", "."),
    Case("SELECT note FROM guests WHERE NOT note IS NULL", "."),
    Case("SELECT note FROM guests WHERE coalesce(note, '') = ''", "?"),
    Case("SELECT note FROM guests WHERE note = ANY (ARRAY['a note'])", "."),
    Case("SELECT note FROM guests WHERE note <> ALL ('{}'::text[])", "?"),
    Case("SELECT s.room, s.price FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id > 0", ".?"),
    Case("SELECT g.id, s.id FROM guests g FULL JOIN stays s ON s.guest_id = g.id WHERE g.name > ''", ".?"),
    Case("SELECT s.room FROM guests g LEFT JOIN stays s ON s.guest_id = g.id WHERE s.id IS NULL", "?"),
    Case("UPDATE guests SET note = NULL WHERE note IS NOT NULL RETURNING id, note", ".?"),
    Case("DELETE FROM stays WHERE price IS NOT NULL RETURNING price, guest_id", ".?"),
    # Aggregates.
    Case("SELECT count(*), count(note), sum(id), max(name), bool_and(TRUE) FROM guests", "..???"),
    Case("SELECT count(*) FILTER (WHERE FALSE), sum(id) FILTER (WHERE FALSE) FROM guests GROUP BY id", ".?"),
    Case(
        "SELECT guest_id, count(*), sum(room), sum(price), avg(room), min(price) FROM stays GROUP BY guest_id", "?..?.?"
    ),
    Case("SELECT id, name, note FROM guests GROUP BY id", "..?"),
    Case("SELECT note, string_agg(name, NULL), string_agg(note, ',') FROM guests GROUP BY note", "?.?"),
    Case("SELECT stddev(room), array_length(array_agg(room), 1) FROM stays GROUP BY id", "??"),
    Case("SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY price) FROM stays GROUP BY room", "?"),
    Case("SELECT guest_id, room, count(*) FROM stays GROUP BY ROLLUP (guest_id, room)", "??."),
    Case("SELECT id, name FROM guests GROUP BY GROUPING SETS ((id), (name))", "??"),
    Case("SELECT coalesce(note, ''), count(*) FROM guests GROUP BY CUBE (coalesce(note, ''))", "?."),
    Case(
        "SELECT upper(coalesce(note, '')), grouping(coalesce(note, '')) FROM guests GROUP BY ROLLUP (coalesce(note, ''))",
        "?.",
    ),
    Case("SELECT coalesce(note, '') AS told, count(*) FROM guests GROUP BY coalesce(note, '')", ".."),
    Case("SELECT sum(id) FROM guests GROUP BY GROUPING SETS ((), (name))", "?"),
    Case("SELECT json_agg(id) FROM guests HAVING count(*) > 0", "?"),
    # Windows.
    Case(
        "SELECT row_number() OVER (ORDER BY id), rank() OVER (ORDER BY id), ntile(2) OVER (), count(*) OVER () FROM guests",
        "....",
    ),
    Case("SELECT lag(id) OVER (ORDER BY id), lead(name) OVER (ORDER BY id) FROM guests", "??"),
    Case(
        "SELECT sum(id) OVER (ORDER BY id), first_value(name) OVER (ORDER BY id), max(note) OVER (ORDER BY id) FROM guests",
        "..?",
    ),
    Case("SELECT sum(id) OVER (ORDER BY id ROWS BETWEEN 2 PRECEDING AND 1 PRECEDING) FROM guests", "?"),
    Case("SELECT sum(id) FILTER (WHERE FALSE) OVER (), nth_value(id, 9) OVER () FROM guests", "??"),
    # Expressions.
    Case("SELECT coalesce(note, name), coalesce(note, NULL), coalesce(NULL, note, '-') FROM guests", ".?."),
    Case("SELECT CASE WHEN id > 1 THEN name END, CASE WHEN id > 1 THEN name ELSE '' END FROM guests", "?."),
    Case("SELECT CASE id WHEN 1 THEN note ELSE name END FROM guests", "?"),
    Case("SELECT nullif(name, 'Ana'), note IS NULL, note IS DISTINCT FROM 'x', note = '' FROM guests", "?..?"),
    Case("SELECT greatest(note, name), least(note, NULL), greatest(id, 1) FROM guests", ".?."),
    Case("SELECT id + 1, id * grade, name || '!', name || note, -id FROM guests", ".?.?."),
    Case(
        "SELECT labels[1], labels[1:2], labels[grade:2], cardinality(labels), array_length(labels, 1) FROM guests",
        "?.?.?",
    ),
    Case("SELECT data ->> 'a', data ? 'a', data @> '{}' FROM guests", "?.."),
    Case("SELECT (data ->> 'a')::text, (data -> 'n')::text FROM guests", "??"),
    Case("SELECT data @? '$.a', data @@ '$.a > 1' FROM guests", "??"),
    Case(
        "SELECT 'VIP' = ANY (labels), 'x' = ANY (tags), id IN (1, 2), note IN ('a'), id IN (1, NULL) FROM guests",
        ".?.??",
    ),
    Case("SELECT shy(id), shy(1) FROM guests", "??"),
    Case("SELECT to_char(born, 'YYYY'), to_char(statement_timestamp(), 'HH24'), to_char(id, '99') FROM guests", "?.?"),
    Case("SELECT to_char(statement_timestamp(), ''), to_char(statement_timestamp(), note) FROM guests", "??"),
    Case(
        "SELECT extract(EPOCH FROM born)::float8, extract(DAY FROM born), extract(DAY FROM statement_timestamp()) FROM guests",
        ".?.",
    ),
    Case(
        "SELECT substring(name FROM 2), substring(name FROM 'z+'), regexp_replace(name, 'a', ''), left(name, 1) FROM guests",
        ".?..",
    ),
    Case("SELECT lower(name), lower(int4range(1, NULL)), upper(int4range(id, 9)) FROM guests", ".??"),
    Case(
        "SELECT concat(note, NULL), concat_ws(',', note), concat_ws(NULL, name), format('%s', note) FROM guests", "..?."
    ),
    Case("SELECT current_date, current_user, current_schema, statement_timestamp(), current_database()", "..?.."),
    Case("SELECT grade::int, id::text, id::stars, 5::sure, note::varchar FROM guests", "?...?"),
    Case("SELECT ROW (note, id), ARRAY[note], ARRAY[id] FROM guests", "..."),
    Case("SELECT (g).id, (g).name FROM (SELECT g FROM guests g) AS x", "??"),
    Case("SELECT NOT (id > 1), id > 1 AND note = '', id > 1 OR TRUE FROM guests", ".?."),
    Case("SELECT (id, name) = (1, 'Ana'), (id, note) < (1, 'b') FROM guests", ".?"),
    Case("SELECT point(1, 2) <-> point(3, 4), lseg '((0,0),(1,1))' # lseg '((5,5),(6,5))'", "??"),
    Case("SELECT current_setting('no.such', TRUE), current_setting('TimeZone')", "?."),
    Case("SELECT random(NULL::int, 1), random(), uuidv4()", "?..", 18),
    Case(
        "SELECT (SELECT n FROM (SELECT count(*) AS n FROM stays) AS x), x.n FROM (SELECT 1 AS n) AS x LEFT JOIN stays ON FALSE",
        "..",
    ),
    Case("SELECT NULL, NULL::int, 1, 'a'::text", "??.."),
    # Subqueries.
    Case("SELECT (SELECT name FROM guests WHERE id = 99), (SELECT count(*) FROM stays), (SELECT 1)", "?.."),
    Case("SELECT (SELECT max(id) FROM guests WHERE FALSE), (SELECT count(*) FROM stays HAVING FALSE)", "??"),
    Case("SELECT (SELECT count(*) FROM stays GROUP BY guest_id LIMIT 1 OFFSET 99), (SELECT count(*) LIMIT 0)", "??"),
    Case(
        "SELECT EXISTS (SELECT FROM stays WHERE FALSE), id IN (SELECT room FROM stays), id IN (SELECT guest_id FROM stays) FROM guests",
        "..?",
    ),
    Case("SELECT ARRAY(SELECT id FROM guests WHERE FALSE), id = ALL (SELECT room FROM stays) FROM guests", ".?"),
    Case("SELECT x.name, x.note FROM (SELECT name, note FROM guests) AS x", ".?"),
    # Set operations.
    Case("SELECT name FROM guests UNION SELECT note FROM guests", "?"),
    Case("SELECT name FROM guests UNION ALL SELECT 'x'", "."),
    Case("SELECT note FROM guests INTERSECT SELECT name FROM guests", "."),
    Case("SELECT note FROM guests INTERSECT SELECT note FROM guests", "?"),
    Case("SELECT name FROM guests EXCEPT SELECT note FROM guests", "."),
    Case("SELECT note FROM guests EXCEPT SELECT name FROM guests", "?"),
    Case("(SELECT id, note FROM guests UNION SELECT 1, 'x') INTERSECT SELECT id, name FROM guests ORDER BY 1", ".."),
    # WITH.
    Case(
        "WITH a AS (SELECT id, note FROM guests) SELECT a.id, a.note, b.id FROM a LEFT JOIN a AS b ON b.id = a.id + 1",
        ".??",
    ),
    Case("WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3) SELECT i FROM n", "."),
    Case(
        "WITH RECURSIVE n (i, j) AS (SELECT 1, 1 UNION ALL SELECT i + 1, nullif(j, 1) FROM n WHERE i < 3) SELECT i, j FROM n",
        ".?",
    ),
    Case(
        "WITH RECURSIVE n (i, j, k) AS (SELECT 1, 1, 1 UNION ALL SELECT i + 1, k, NULL FROM n WHERE i < 4) SELECT i, j, k FROM n",
        ".??",
    ),
    Case(
        "WITH RECURSIVE t (id, up) AS (SELECT 1, NULL::int UNION ALL SELECT g.id, t.id FROM t JOIN guests g ON g.id = t.id + 1) SELECT id, up FROM t",
        ".?",
    ),
    Case("WITH gone AS (DELETE FROM stays RETURNING id, guest_id) SELECT id, guest_id FROM gone", ".?"),
    Case(
        "WITH added AS (INSERT INTO guests (id, name) VALUES (9, 'Dora') RETURNING id, note) SELECT a.id, a.note FROM added a",
        ".?",
    ),
    Case(
        "WITH a AS (SELECT count(*) AS n FROM guests), b AS (SELECT max(id) AS m FROM guests) SELECT n, m FROM a CROSS JOIN b",
        ".?",
    ),
    # RETURNING.
    Case("INSERT INTO guests (id, name) SELECT 8, 'Eva' RETURNING id, name, note, full_name, labels", "..?.."),
    Case(
        "INSERT INTO guests (id, name) VALUES (1, 'x') ON CONFLICT (id) DO UPDATE SET note = NULL RETURNING id, note",
        ".?",
    ),
    Case("INSERT INTO guests (id, name) VALUES (1, 'x') ON CONFLICT DO NOTHING RETURNING id", "."),
    Case(
        "UPDATE guests g SET note = 'x' FROM stays s WHERE s.guest_id = g.id RETURNING g.id, s.room, s.guest_id, s.price",
        "...?",
    ),
    Case(
        "UPDATE guests g SET note = 'x' FROM guests h LEFT JOIN stays s ON s.guest_id = h.id WHERE h.id = g.id RETURNING g.id, s.room",
        ".?",
    ),
    Case("INSERT INTO ruled VALUES (7, 'Fina') RETURNING id, name", "??"),
    Case("INSERT INTO parts VALUES (1, 'x') RETURNING key, kept", ".."),
    Case("UPDATE guests SET note = name RETURNING old.note, new.id, id", "?..", 18),
    Case("INSERT INTO guests (id, name) VALUES (6, 'Gil') RETURNING old.id, new.id, id", "?..", 18),
    Case("DELETE FROM guests WHERE id = 2 RETURNING old.id, new.id, id", ".?.", 18),
    Case(
        "MERGE INTO spare p USING guests g ON p.id = g.id WHEN NOT MATCHED THEN INSERT VALUES (g.id, g.name) RETURNING p.id, g.id, merge_action()",
        ".?.",
        17,
    ),
    # Views.
    Case("SELECT id, name, room FROM guest_stays", "..?"),
    Case("SELECT guest_id, stays, dearest FROM counted", "?.?"),
    Case("SELECT id, room, stays FROM deep", ".??"),
    Case("SELECT v.stays FROM counted AS v RIGHT JOIN guests g ON g.id = v.guest_id", "?"),
    # Functions and values in FROM.
    Case("SELECT n FROM generate_series(1, 3) AS g (n)", "."),
    Case("SELECT u.v, u.n FROM unnest(ARRAY['a', NULL]) WITH ORDINALITY AS u (v, n)", "?."),
    Case("SELECT u.a, u.b, u.n FROM unnest(ARRAY[1], ARRAY[1, 2]) WITH ORDINALITY AS u (a, b, n)", "??."),
    Case("SELECT m FROM many() AS m", "?"),
    Case("SELECT generate_series(1, 2), id FROM guests", ".."),
    Case("SELECT generate_series(1, 2), generate_series(1, 3), unnest(labels) FROM guests", "???"),
    Case("SELECT k FROM guests, jsonb_object_keys(data) AS k", "."),
    Case("SELECT e.key, e.value FROM guests, jsonb_each_text(data) AS e", "??"),
    Case("SELECT v.a, v.b FROM (VALUES (1, 'x'), (2, NULL)) AS v (a, b)", ".?"),
    Case("VALUES (1, NULL), (2, 'x')", ".?"),
    Case("SELECT r.a FROM jsonb_to_record('{}') AS r (a int)", "?"),
    Case("SELECT relname::text, reltuples FROM pg_class WHERE oid = 'guests'::regclass", ".."),
    Case("SELECT pid, state, datname FROM pg_stat_activity", "???"),
    Case("SELECT DISTINCT ON (guest_id) guest_id, room FROM stays ORDER BY guest_id, room", "?."),
    # What the writer says.
    Case('SELECT note AS "note!", id AS "id?", name AS "name!" FROM guests WHERE id = 1', ".?."),
]

# Type in Python, and the SQL.
TYPES = [
    ("list[str]", "SELECT labels FROM guests"),
    ("list[str | None]", "SELECT tags FROM guests"),
    ("list[str]", 'SELECT tags AS "tags!" FROM guests WHERE id = 2'),
    ("list[str]", "SELECT labels || ARRAY['x'] FROM guests"),
    ("list[str | None]", "SELECT labels || tags FROM guests"),
    ("list[str]", "SELECT labels || name FROM guests"),
    ("list[str | None]", "SELECT labels || note FROM guests"),
    ("list[str | None]", "SELECT ARRAY[name, note] FROM guests"),
    ("list[int]", "SELECT ARRAY[id, 1] FROM guests"),
    ("list[int]", "SELECT ARRAY(SELECT id FROM guests)"),
    ("list[int | None]", "SELECT ARRAY(SELECT guest_id FROM stays)"),
    ("list[str] | None", "SELECT array_agg(name) FROM guests"),
    ("list[str | None]", "SELECT array_agg(note) FROM guests GROUP BY id"),
    ("list[str]", "SELECT coalesce(nullif(labels, '{VIP}'), '{}') FROM guests"),
    ("list[str | None]", "SELECT CASE WHEN id = 1 THEN tags ELSE '{}' END FROM guests"),
    ("list[str] | None", "SELECT CASE WHEN id = 1 THEN labels END FROM guests"),
    ("list[str]", "SELECT labels[1:1] FROM guests"),
    ("list[str]", "SELECT '{a,b}'::text[]"),
    ("list[str | None]", "SELECT '{a,NULL}'::text[]"),
    ("list[str]", "SELECT string_to_array(name, 'a') FROM guests"),
    ("list[str | None]", "SELECT string_to_array(name, 'a', 'n') FROM guests"),
    ("_typing.Literal['glad', 'sad'] | None", "SELECT mood FROM guests"),
    ("str", "SELECT ARRAY['glad'::mood]"),
    ("int | None", "SELECT grade FROM guests"),
    ("_typing.Any", "SELECT data FROM guests"),
    ("_typing.Any", "SELECT ROW (1, 2)"),
    ("str", "SELECT g FROM guests AS g"),
    ("_datetime.timedelta", "SELECT interval '1 day'"),
    ("_decimal.Decimal | None", "SELECT price FROM stays"),
    ("float", "SELECT 1::float8"),
    ("bool", "SELECT TRUE"),
    ("bytes", "SELECT 'a'::bytea"),
    ("_uuid.UUID", "SELECT gen_random_uuid()"),
    ("_datetime.datetime", "SELECT statement_timestamp()"),
    ("_datetime.date", "SELECT '2026-11-22'::date"),
    ("_datetime.time", "SELECT '08:00'::time"),
    ("_range.Range[int]", "SELECT int4range(1, 2)"),
    ("_multirange.Multirange[_datetime.date]", "SELECT '{}'::datemultirange"),
    ("list[_typing.Any]", "SELECT ARRAY[data] FROM guests"),
    ("list[list[str | None]] | None", "SELECT array_agg(tags) FROM guests WHERE id = 1"),
    ("list[list[str]]", "SELECT array_agg(labels) FROM guests WHERE id <> 2 GROUP BY cardinality(labels)"),
    ("list[str | None]", "SELECT tags FROM odd_checks"),
    ("list[str]", "SELECT none FROM odd_checks"),
    ("list[list[int]]", "SELECT ARRAY[[1, 2], [3, 4]]"),
    ("list[list[int | None]]", "SELECT ARRAY[[1, NULL], [3, 4]]"),
    ("list[list[str | None]]", "SELECT ARRAY[tags, tags] FROM guests WHERE id = 1"),
    ("list[list[list[int]]]", "SELECT ARRAY[[[1], [2]]]"),
    ("list[list[int]]", "SELECT '{{1,2},{3,4}}'::int[]"),
    ("list[list[int | None]]", "SELECT '{{1,2},{3,NULL}}'::int[]"),
    ("list[list[str | None]]", "SELECT ARRAY(SELECT tags FROM guests WHERE id <> 2 AND cardinality(tags) = 2)"),
    ("list[list[int]]", "SELECT coalesce(nullif(ARRAY[[1]], ARRAY[[2]]), '{}')"),
    ("list[list[int]] | None", "SELECT CASE WHEN id = 1 THEN ARRAY[[1]] END FROM guests"),
    ("list[_typing.Any]", "SELECT CASE WHEN id = 1 THEN ARRAY[[1]] ELSE ARRAY[1] END FROM guests"),
    ("list[_typing.Any]", "SELECT ARRAY[[1]] UNION ALL SELECT ARRAY[1]"),
    ("list[_typing.Any]", "SELECT grid FROM spare_grids"),
    ("list[_typing.Any]", "SELECT array_agg(grid) FROM spare_grids GROUP BY id"),
    ("list[_typing.Any] | None", "SELECT array_fill(0, ARRAY[2, 2])"),
    ("list[_typing.Any]", "SELECT ARRAY[[1]] || ARRAY[2]"),
    ("list[list[int]]", "SELECT ARRAY[[1]] || ARRAY[[2]]"),
    ("list[list[int]]", "SELECT (ARRAY[[1, 2], [3, 4]])[1:1]"),
    ("int | None", "SELECT (ARRAY[[1, 2], [3, 4]])[1][2]"),
    ("list[list[int]]", "SELECT x.a FROM (SELECT ARRAY[[1]] AS a) AS x"),
    ("list[list[int]]", "WITH x AS (SELECT ARRAY[[1]] AS a) SELECT a FROM x"),
    ("list[list[int]] | None", "SELECT x.a FROM guests LEFT JOIN (SELECT ARRAY[[1]] AS a) AS x ON FALSE"),
    ("list[list[int]] | None", "SELECT ARRAY[[1]] AS a FROM guests GROUP BY ROLLUP (a)"),
    ("list[list[float]]", "SELECT ARRAY[[1, 2]]::float8[]"),
    ("list[list[int | None]]", "SELECT array_replace(ARRAY[[1, 2]], 1, 3)"),
    ("list[list[str | None]] | None", "SELECT max(ARRAY[tags]) FROM guests WHERE id = 1"),
    ("list[list[int]]", "VALUES (ARRAY[[1]]), ('{}')"),
    ("str", "SELECT '1 2'::int2vector"),
    ("str", "SELECT 'guests'::regclass"),
    (
        "_ipaddress.IPv4Address | _ipaddress.IPv6Address | _ipaddress.IPv4Interface | _ipaddress.IPv6Interface",
        "SELECT '::1'::inet",
    ),
]
