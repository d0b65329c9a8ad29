"""The deploy order: changes of many kinds, each with its verdict, and against what really happens."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pytest

from guestsql.check.against import DeployVerdict, Order
from guestsql.errors import MigrationError
from tests.deploying import QUERIES, SCHEMA, Hotel, read, release


@pytest.fixture
def hotel(server):
    return Hotel(server.url())


@dataclass(frozen=True)
class Change:
    """A change, and what is to be said of it."""

    name: str
    verdict: DeployVerdict
    migrations: tuple[str, ...] = ()
    edits: tuple[tuple[str, str], ...] = ()
    added: str = ""
    told: frozenset[tuple[str, str]] = frozenset()


def change(name, verdict, *migrations, edits=(), added="", told=()):
    return Change(name, verdict, migrations, tuple(edits), added, frozenset(told))


GET_ROOM = "SELECT room_id, name, floor, note FROM rooms WHERE"
PUT_ROOM = "(room_id, name, code) VALUES (:room_id::int, :name::text, :code::text)"
NEW_QUERY = "\n-- name: list_floors()\n-- Floors.\nSELECT floor FROM rooms ORDER BY room_id LIMIT 9;\n"
SYNC = """\
CREATE FUNCTION keep_names() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF new.label IS NULL THEN new.label := new.name; END IF;
    IF new.name IS NULL THEN new.name := new.label; END IF;
    RETURN new;
END $$;
CREATE TRIGGER keep_names BEFORE INSERT OR UPDATE ON rooms FOR EACH ROW EXECUTE FUNCTION keep_names();
"""
EITHER, FIRST, CODE, BETWEEN, TWO, NOTHING, BROKEN = (
    DeployVerdict.EITHER,
    DeployVerdict.MIGRATIONS_FIRST,
    DeployVerdict.CODE_FIRST,
    DeployVerdict.BETWEEN,
    DeployVerdict.TWO_STEPS,
    DeployVerdict.NOTHING,
    DeployVerdict.BROKEN,
)

# What breaks only between two migrations is well at the end.
PASSING = {"a view dropped and made again by the next migration"}

CHANGES = [
    change("nothing", NOTHING),
    change("a new query alone", NOTHING, added=NEW_QUERY),
    change("a query gone", NOTHING, edits=[("-- name: get_label(room_id)$", "-- name: get_tag(room_id)$")]),
    change("a query's columns", NOTHING, edits=[(GET_ROOM, "SELECT room_id, note FROM rooms WHERE")]),
    change("a nullable column that nobody uses", EITHER, "ALTER TABLE rooms ADD COLUMN size int;"),
    change("a column with a default", EITHER, "ALTER TABLE rooms ADD COLUMN size int NOT NULL DEFAULT 1;"),
    change(
        "a nullable column that the code uses",
        FIRST,
        "ALTER TABLE rooms ADD COLUMN size int;",
        edits=[(GET_ROOM, "SELECT room_id, size FROM rooms WHERE")],
    ),
    change(
        "a required column that the old code does not fill",
        CODE,
        "ALTER TABLE rooms ADD COLUMN size int NOT NULL;",
        edits=[(PUT_ROOM, "(room_id, name, code, floor) VALUES (:room_id::int, :name::text, :code::text, 1)")],
        told=[("GS703", "put_room")],
    ),
    change(
        "a required column that only the new code fills",
        TWO,
        "ALTER TABLE rooms ADD COLUMN size int NOT NULL;",
        edits=[(PUT_ROOM, "(room_id, name, code, size) VALUES (:room_id::int, :name::text, :code::text, 1)")],
        told=[("GS703", "put_room")],
    ),
    change(
        "a required column that a trigger fills",
        EITHER,
        """CREATE FUNCTION size_rooms() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN new.size := 1; RETURN new; END $$;
        CREATE TRIGGER size_rooms BEFORE INSERT ON rooms FOR EACH ROW EXECUTE FUNCTION size_rooms();
        ALTER TABLE rooms ADD COLUMN size int NOT NULL;""",
        told=[("GS753", "put_room")],
    ),
    change(
        "a trigger on what the old code does not do",
        EITHER,
        "CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN new; END $$;"
        " CREATE TRIGGER f BEFORE UPDATE ON stays FOR EACH ROW EXECUTE FUNCTION f();",
    ),
    change("a rule that makes nothing of it", EITHER, "CREATE RULE kept AS ON DELETE TO rooms DO INSTEAD NOTHING;"),
    change("an unused column dropped", EITHER, "ALTER TABLE rooms DROP COLUMN unused;"),
    change(
        "a used column dropped, the code uses it no more",
        CODE,
        "ALTER TABLE rooms DROP COLUMN note;",
        edits=[
            (GET_ROOM, "SELECT room_id, name, floor FROM rooms WHERE"),
            ("SET note = :note::text", "SET name = :note::text"),
        ],
        told=[("GS701", "get_room"), ("GS701", "set_note")],
    ),
    change(
        "a column renamed",
        TWO,
        "ALTER TABLE rooms RENAME COLUMN floor TO level;",
        edits=[(GET_ROOM, "SELECT room_id, name, level, note FROM rooms WHERE")],
        told=[("GS701", "get_room")],
    ),
    change(
        "a column renamed, expand",
        FIRST,
        "ALTER TABLE rooms ADD COLUMN label text; UPDATE rooms SET label = name;" + SYNC,
        edits=[(GET_ROOM, "SELECT room_id, label, floor, note FROM rooms WHERE")],
        told=[("GS753", "put_room")],
    ),
    change(
        "expand and contract in two files of one release",
        BETWEEN,
        "ALTER TABLE rooms ADD COLUMN remark text;",
        "ALTER TABLE rooms DROP COLUMN note;",
        edits=[
            (GET_ROOM, "SELECT room_id, name, floor, remark FROM rooms WHERE"),
            ("SET note = :note::text", "SET remark = :note::text"),
        ],
        told=[("GS701", "get_room"), ("GS701", "set_note")],
    ),
    change(
        "a table renamed",
        TWO,
        "ALTER TABLE stays RENAME TO visits;",
        edits=[("INSERT INTO stays", "INSERT INTO visits")],
        told=[("GS701", "add_stay")],
    ),
    change(
        "a table renamed, a view under its old name",
        FIRST,
        "ALTER TABLE stays RENAME TO visits; CREATE VIEW stays AS SELECT * FROM visits;",
        edits=[("INSERT INTO stays", "INSERT INTO visits")],
        told=[("GS753", "add_stay")],  # the right went with the table
    ),
    change(
        "a view dropped and made again by the next migration",
        TWO,
        "DROP VIEW named_rooms;",
        "CREATE VIEW named_rooms AS SELECT room_id, name, floor FROM rooms;",
        edits=[("SELECT name FROM named_rooms", "SELECT floor FROM named_rooms")],
        told=[("GS701", "get_name")],
    ),
    change(
        "a view made anew in one migration",
        EITHER,
        "DROP VIEW named_rooms; CREATE VIEW named_rooms AS SELECT room_id, name, floor FROM rooms;",
    ),
    change(
        "a type that Python reads otherwise",
        CODE,
        "DROP VIEW named_rooms; ALTER TABLE rooms ALTER COLUMN name TYPE jsonb USING to_jsonb(name);"
        " CREATE VIEW named_rooms AS SELECT room_id, name FROM rooms;",
        edits=[
            (GET_ROOM, "SELECT room_id, floor FROM rooms WHERE"),
            ("SELECT name FROM named_rooms", "SELECT room_id FROM named_rooms"),
            (PUT_ROOM, """(room_id, name, code) VALUES (:room_id::int, '"x"', :code::text || :name::text)"""),
            ("DO UPDATE SET name = excluded.name\nWHERE known.name IS DISTINCT FROM excluded.name", "DO NOTHING"),
        ],
        told=[("GS702", "get_room"), ("GS702", "get_name"), ("GS701", "put_room")],
    ),
    change("a type that holds more", EITHER, "ALTER TABLE rooms ALTER COLUMN floor TYPE bigint;"),
    change(
        "a type that holds less",
        EITHER,
        "ALTER TABLE rooms ALTER COLUMN code TYPE varchar(5);",
        told=[("GS752", "put_room")],
    ),
    change(
        "a new function that the code calls",
        FIRST,
        "CREATE FUNCTION room_tag(int) RETURNS text LANGUAGE sql AS $$ SELECT 'tag' $$;",
        edits=[("SELECT room_label(", "SELECT room_tag(")],
    ),
    change(
        "a function dropped that is called", BROKEN, "DROP FUNCTION room_label(int);", told=[("GS701", "get_label")]
    ),
    change(
        "a function renamed",
        TWO,
        "ALTER FUNCTION room_label(int) RENAME TO room_tag;",
        edits=[("SELECT room_label(", "SELECT room_tag(")],
        told=[("GS701", "get_label")],
    ),
    change(
        "a function with another body",
        EITHER,
        "CREATE OR REPLACE FUNCTION room_label(room_id int) RETURNS text LANGUAGE sql AS $$ SELECT 'no' $$;",
        told=[("GS753", "get_label")],
    ),
    change(
        "a function that returns something else",
        CODE,
        "DROP FUNCTION room_label(int); CREATE FUNCTION room_label(room_id int) RETURNS int LANGUAGE sql"
        " AS $$ SELECT 1 $$;",
        edits=[("SELECT room_label(:room_id::int) AS label", "SELECT :room_id::int AS label")],
        told=[("GS702", "get_label")],
    ),
    change(
        "a new check on what the old code writes",
        EITHER,
        "ALTER TABLE rooms ADD CONSTRAINT rooms_note CHECK (length(note) < 9);",
        told=[("GS751", "set_note")],
    ),
    change(
        "a new check on what the old code does not write",
        EITHER,
        "ALTER TABLE rooms ADD CONSTRAINT rooms_floor CHECK (floor < 99);",
    ),
    change(
        "a check that allows one value more",
        EITHER,
        "ALTER TABLE rooms DROP CONSTRAINT rooms_status, ADD CONSTRAINT rooms_status_2"
        " CHECK (status IN ('free', 'taken', 'closed'));",
    ),
    change(
        "a check that allows one value less",
        EITHER,
        "ALTER TABLE rooms DROP CONSTRAINT rooms_status, ADD CONSTRAINT rooms_status CHECK (status IN ('free'));",
        told=[("GS751", "set_status")],
    ),
    change(
        "a column that is NOT NULL now",
        EITHER,
        "ALTER TABLE stays ALTER COLUMN guest SET NOT NULL;",
        told=[("GS751", "add_stay")],
    ),
    change(
        "a default taken away",
        CODE,
        "ALTER TABLE rooms ALTER COLUMN floor DROP DEFAULT;",
        edits=[(PUT_ROOM, "(room_id, name, code, floor) VALUES (:room_id::int, :name::text, :code::text, 1)")],
        told=[("GS703", "put_room")],
    ),
    change(
        "NOT NULL taken away from what is read",
        EITHER,
        "ALTER TABLE rooms ALTER COLUMN name DROP NOT NULL;",
        told=[("GS754", "get_room")],
    ),
    change(
        "a new unique index on what the old code writes",
        EITHER,
        "CREATE UNIQUE INDEX stays_guest ON stays (guest);",
        told=[("GS751", "add_stay")],
    ),
    change(
        "the index of an ON CONFLICT dropped",
        TWO,
        "DROP INDEX rooms_code; CREATE UNIQUE INDEX rooms_name ON rooms (name);",
        edits=[("ON CONFLICT (code)", "ON CONFLICT (name)")],
        told=[("GS701", "put_room")],
    ),
    change(
        "the index of an ON CONFLICT made anew", EITHER, "DROP INDEX rooms_code; CREATE UNIQUE INDEX c ON rooms (code);"
    ),
    change("a value added to an enum", EITHER, "ALTER TYPE mood ADD VALUE 'calm';"),
    change(
        "a value added to an enum that the code names",
        FIRST,
        "ALTER TYPE mood ADD VALUE 'calm';",
        edits=[("WHERE mood = :mood::mood", "WHERE mood IN ('calm', :mood::mood)")],
    ),
    change(
        "a value of an enum renamed",
        EITHER,
        "ALTER TYPE mood RENAME VALUE 'sad' TO 'low';",
        told=[("GS752", "get_mood")],
    ),
    change(
        "a column that is generated now",
        CODE,
        "ALTER TABLE stays DROP COLUMN guest, ADD COLUMN guest text GENERATED ALWAYS AS ('g') STORED;",
        edits=[
            (
                "(room_id, guest) VALUES (:room_id::int, :guest::text)",
                "(room_id) SELECT length(:guest::text) + :room_id::int",
            )
        ],
        told=[("GS701", "add_stay")],
    ),
    change(
        "a new reference on what the old code writes",
        EITHER,
        "ALTER TABLE stays ADD FOREIGN KEY (room_id) REFERENCES rooms ON DELETE CASCADE;",
        told=[("GS751", "add_stay")],
    ),
    change(
        "a new reference that holds rows back",
        EITHER,
        "CREATE TABLE keys (room_id int NOT NULL REFERENCES rooms);",
        told=[("GS751", "remove_room")],
    ),
    change(
        "a right revoked",
        EITHER,
        "REVOKE SELECT ON stays FROM PUBLIC;",
        told=[("GS753", "add_stay")],
    ),
    change("an index more", EITHER, "CREATE INDEX rooms_floor ON rooms (floor);"),
]


def releases(each):
    queries = QUERIES
    for before, after in each.edits:
        assert queries.count(before) == 1, before
        queries = queries.replace(before, after)
    grant = "GRANT SELECT ON stays TO PUBLIC;"
    old = release("old", QUERIES, [SCHEMA, grant])
    return old, release("new", queries + each.added, [SCHEMA, grant, *each.migrations])


@pytest.mark.parametrize("each", CHANGES, ids=lambda each: each.name.replace(" ", "-"))
def test_a_change_gets_its_verdict_and_the_truth_agrees(hotel, each):
    old, new = releases(each)
    comparison = hotel.compare(old, new)
    told = {(finding.rule, name) for finding in comparison.findings for name in _names(finding)}
    assert comparison.verdict is each.verdict, [str(finding) for finding in comparison.findings]
    assert each.told <= told, told
    breaks = {name for rule, name in told if rule < "GS750"}
    assert breaks == {name for rule, name in each.told if rule < "GS750"}
    expected_looks = {rule for rule, _ in each.told if rule > "GS750"}
    assert {rule for rule, _ in told if rule > "GS750"} == expected_looks
    # And what happens when they are really run; of a look nothing is said, and a type is no failure.
    unsure = {name for rule, name in told if rule == "GS702" or rule > "GS750"}
    lasting = set() if each.name in PASSING else breaks
    assert hotel.failing(old, new) - unsure == lasting - unsure
    assert bool(hotel.failing(new, old)) == (each.verdict in (FIRST, TWO, BETWEEN))


def test_the_samples_run_on_their_own_schema(hotel):
    old = release("old", QUERIES, [SCHEMA])
    assert hotel.failing(old, old) == set()


def _names(finding):
    return set(re.findall(r"[a-z_]+", finding.message)) & {query.name for query in read(release("", QUERIES, []))}


def test_the_other_order_is_judged_by_the_new_queries(hotel):
    old = release("old", QUERIES, [SCHEMA])
    new = release(
        "new",
        QUERIES.replace(GET_ROOM, "SELECT room_id, size FROM rooms WHERE"),
        [SCHEMA, "ALTER TABLE rooms ADD COLUMN size int;"],
    )
    comparison = hotel.compare(old, new, Order.CODE_FIRST)
    assert [(each.rule, each.query, each.line) for each in comparison.findings] == [("GS704", "get_room", 4)]


def test_a_star_returns_what_the_schema_says(hotel):
    star = QUERIES + "\n-- name: list_named()\n-- Rooms.\nSELECT * FROM named_rooms ORDER BY room_id LIMIT 9;\n"
    more = "CREATE OR REPLACE VIEW named_rooms AS SELECT room_id, name, floor FROM rooms;"
    comparison = hotel.compare(release("old", star, [SCHEMA]), release("new", QUERIES, [SCHEMA, more]))
    assert [(each.rule, each.query) for each in comparison.findings] == [("GS702", "list_named")]
    assert "it returns room_id, name, floor there, it was room_id, name" in comparison.findings[0].message


def test_queries_that_fail_for_one_reason_are_one_finding_where_it_stands(hotel):
    index = "CREATE INDEX notes ON rooms (note);\n"
    drop = f"{index}ALTER TABLE stays DROP COLUMN guest;\nALTER TABLE rooms\n    DROP COLUMN note;\n"
    more = NEW_QUERY.replace("list_floors", "list_notes").replace("floor", "note")
    old, new = release("old", QUERIES + more, [SCHEMA]), release("new", QUERIES, [SCHEMA, "SELECT 1;", drop])
    found = [each for each in hotel.compare(old, new).findings if each.rule == "GS701"]
    assert [(each.file.name, each.line, each.column, each.width) for each in found] == [
        ("0003_step.sql", 2, 31, 5),
        ("0003_step.sql", 4, 17, 4),
        ("0003_step.sql", 4, 17, 4),
    ]
    assert "once this has run, get_room, list_notes of old fail: " in " ".join(each.message for each in found)


def test_a_migration_that_fails_is_named_as_people_know_it(hotel):
    broken = release("old", QUERIES, ["CREATE TABLE rooms (id nothing);"])
    with pytest.raises(MigrationError) as caught:
        hotel.compare(broken, broken)
    assert caught.value.place == "old:migrations/0001_step.sql:1:24"
